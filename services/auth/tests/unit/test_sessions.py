"""Opaque tokens: exchanged while they hold, refused once they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auth_service.account_models import Client
from auth_service.errors import UnauthorizedClient
from auth_service.models import TokenRequest
from rookery_common.auth import InvalidToken, TokenVerifier

DAY = 86_400.0


async def test_an_internal_token_says_who_calls_and_lasts_five_minutes(world: Any) -> None:
    issued = await world.sign_up()
    internal = await world.auth.sessions.exchange(issued.access_token)
    identity = await TokenVerifier(world.auth.keys.jwks, world.clock).verify(internal.token)
    assert identity.account_id == issued.session.account_id
    assert identity.session_id == issued.session.session_id
    assert identity.app_id == world.app.app_id
    assert identity.scopes == frozenset(world.app.scopes)
    assert internal.expires_at - world.clock.now() == timedelta(minutes=5)
    world.clock.advance(300)
    with pytest.raises(InvalidToken):
        await TokenVerifier(world.auth.keys.jwks, world.clock).verify(internal.token)


@pytest.mark.parametrize("token", ["", "unknown", "x" * 100_000, "ä", "\ud800"])
async def test_an_unknown_token_is_refused(world: Any, token: str) -> None:
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(token)


async def test_a_token_not_used_for_a_year_has_expired(world: Any) -> None:
    issued = await world.sign_up()
    world.clock.advance(365 * DAY)
    with pytest.raises(InvalidToken, match="expired"):
        await world.auth.sessions.exchange(issued.access_token)


async def test_a_token_that_is_used_goes_on(world: Any) -> None:
    issued = await world.sign_up()
    for _ in range(5):
        world.clock.advance(300 * DAY)
        await world.auth.sessions.exchange(issued.access_token)


async def test_a_browsers_session_ends_unused_after_two_weeks_and_used_after_a_month(world: Any) -> None:
    await world.sign_up()
    used, unused = [
        (await world.auth.browsers.start("alice", "correct horse of alice", Client())).session for _ in range(2)
    ]
    assert used.expires_at - world.clock.now() == timedelta(days=30)
    for _ in range(3):
        world.clock.advance(9 * DAY)
        await world.auth.sessions.exchange(used.token)
    with pytest.raises(InvalidToken, match="expired"):
        await world.auth.sessions.exchange(unused.token)
    world.clock.advance(3 * DAY)
    with pytest.raises(InvalidToken, match="expired"):
        await world.auth.sessions.exchange(used.token)


async def test_an_internal_token_does_not_outlast_its_session(world: Any) -> None:
    issued = await world.sign_up()
    world.auth.sessions._policy = replace(world.auth.sessions._policy, app_idle=timedelta(hours=1))
    world.clock.advance(365 * DAY - 100)
    internal = await world.auth.sessions.exchange(issued.access_token)
    assert (internal.expires_at - world.clock.now()).total_seconds() == 100


async def test_a_revoked_token_is_refused_and_its_event_recorded_once(world: Any) -> None:
    issued = await world.sign_up()
    for _ in range(2):
        await world.auth.sessions.revoke_token(issued.access_token, world.app)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    assert await world.recorded() == ["CredentialsCreated", "SessionRevoked"]


async def test_revoking_one_token_leaves_the_others(world: Any) -> None:
    first, second = await world.sign_up(), await world.sign_up()
    await world.auth.sessions.revoke_token(first.access_token, world.app)
    await world.auth.sessions.exchange(second.access_token)


async def test_revoking_an_unknown_token_is_no_error(world: Any) -> None:
    await world.auth.sessions.revoke_token("unknown", world.app)


async def test_a_token_of_another_client_can_not_be_revoked(world: Any) -> None:
    issued = await world.sign_up()
    other, _ = await world.auth.apps.create("Other", [world.redirect], [], "")
    with pytest.raises(UnauthorizedClient):
        await world.auth.sessions.revoke_token(issued.access_token, other)
    await world.auth.sessions.exchange(issued.access_token)


async def test_an_apps_own_token_is_revoked_without_an_event(world: Any) -> None:
    request = TokenRequest("client_credentials", world.app.client_id, world.app_secret)
    issued = await world.auth.authorizations.grant(request)
    await world.auth.sessions.revoke_token(issued.access_token, world.app)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    assert await world.recorded() == []
