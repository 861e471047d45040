"""Introspection tells a client of its own tokens, and nothing of anyone else's."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.errors import InvalidClient
from auth_service.models import AuthorizationRequest, TokenRequest

GRANTS = ("authorization_code", "refresh_token")


async def issued_to(world: Any, app: Any, secret: str) -> Any:
    request = AuthorizationRequest(app.client_id, world.redirect, "code", ("read",))
    code = await world.auth.authorizations.authorize(request, "alice", "correct horse of alice")
    return await world.auth.authorizations.grant(
        TokenRequest("authorization_code", app.client_id, secret, code=code, redirect_uri=world.redirect)
    )


async def test_a_client_is_told_of_its_own_tokens(world: Any) -> None:
    await world.sign_up()
    app, secret = await world.auth.apps.create("Own", [world.redirect], ["read"], "", GRANTS)
    issued = await issued_to(world, app, secret)
    access = await world.auth.introspector.introspect(app, issued.access_token)
    assert (access.username, access.session.scopes, access.is_refresh) == ("alice", ("read",), False)
    assert access.expires_at == issued.session.token_expires_at
    refresh = await world.auth.introspector.introspect(app, issued.refresh_token)
    assert (refresh.is_refresh, refresh.expires_at) == (True, issued.session.expires_at)


async def test_tokens_that_do_not_hold_or_are_anothers_are_not_active(world: Any) -> None:
    await world.sign_up()
    app, secret = await world.auth.apps.create("Own", [world.redirect], ["read"], "", GRANTS)
    issued = await issued_to(world, app, secret)
    tokens = (issued.access_token, issued.refresh_token)
    for token in (*tokens, "unknown", ""):
        assert await world.auth.introspector.introspect(world.app, token) is None
    await world.auth.sessions.revoke(issued.session, cause="test")
    for token in tokens:
        assert await world.auth.introspector.introspect(app, token) is None


async def test_used_refresh_tokens_and_expired_access_tokens_are_not_active(world: Any) -> None:
    await world.sign_up()
    app, secret = await world.auth.apps.create("Own", [world.redirect], ["read"], "", GRANTS)
    issued = await issued_to(world, app, secret)
    again = await world.auth.refreshing.refresh(
        app, TokenRequest("refresh_token", app.client_id, refresh_token=issued.refresh_token)
    )
    assert await world.auth.introspector.introspect(app, issued.refresh_token) is None
    assert await world.auth.introspector.introspect(app, again.access_token)
    world.clock.advance(3600)
    assert await world.auth.introspector.introspect(app, again.access_token) is None


async def test_public_clients_may_not_ask(world: Any) -> None:
    page, _ = await world.auth.apps.create("Page", [world.redirect], ["read"], "", auth_method="none")
    with pytest.raises(InvalidClient):
        await world.auth.introspector.introspect(page, "anything")
