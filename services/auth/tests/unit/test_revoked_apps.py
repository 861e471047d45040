"""A revoked app: none of its tokens holds, and none can be had."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.errors import AppNotFound, AuthorizationInvalid, InvalidClient
from auth_service.models import AuthorizationRequest
from rookery_common.auth import InvalidToken


async def test_everything_of_a_revoked_app_ends(world: Any, operations: Any) -> None:
    issued = await world.sign_up()
    await world.auth.sessions.exchange(issued.access_token)
    await operations.revoke_app(world.app.client_id, world.clock.now())
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    with pytest.raises(InvalidClient):
        await world.auth.apps.authenticate(world.app.client_id, world.app_secret)
    with pytest.raises(AuthorizationInvalid, match="client_id"):
        await world.auth.authorizations.check(AuthorizationRequest(world.app.client_id, world.redirect, "code"))
    with pytest.raises(AppNotFound):
        await world.auth.apps.get(world.app.app_id)


async def test_a_revocation_is_told_of_once_and_names_the_app(world: Any, operations: Any) -> None:
    for _ in range(2):
        world.clock.advance(1)
        revoked = await operations.revoke_app(world.app.client_id, world.clock.now())
        assert revoked.revoked_at is not None
    assert await operations.revoke_app("unknown", world.clock.now()) is None
    (heard,) = await world.repository.revocations_after(0, 10)
    assert (heard.app_id, heard.session_id, heard.account_id) == (world.app.app_id, 0, 0)


async def test_apps_are_listed_with_their_sessions(world: Any, operations: Any) -> None:
    await world.sign_up()
    await world.sign_up("bob")
    assert [(app.name, sessions) for app, sessions in await operations.apps(0, 10)] == [("Client", 2)]
    assert await operations.apps(world.app.app_id, 10) == []
