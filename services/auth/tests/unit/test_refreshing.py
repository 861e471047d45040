"""Refresh tokens: each works once, a lost answer may be asked for again, and what was used before ends the session."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auth_service.errors import ClientNotRegistered, InvalidClient, InvalidGrant, InvalidRequest, InvalidScope
from auth_service.models import AuthorizationRequest, IssuedToken, TokenRequest
from auth_service.service.refresh_tokens import PREFIX, read
from rookery_common.auth import InvalidToken

GRANTS = ("authorization_code", "refresh_token")
GRACE = 30


class Client:
    """An app with refresh tokens, and what it does at the token endpoint."""

    def __init__(self, world: Any, client_id: str, secret: str) -> None:
        self.world = world
        self.client_id = client_id
        self.secret = secret

    async def signs_in(self) -> IssuedToken:
        """With Alice's password; a session of its own each time."""
        request = AuthorizationRequest(self.client_id, self.world.redirect, "code", ("read", "write"))
        code = await self.world.auth.authorizations.authorize(request, "alice", "correct horse of alice")
        granted = await self.world.auth.authorizations.grant(
            TokenRequest("authorization_code", self.client_id, self.secret, code=code, redirect_uri=self.world.redirect)
        )
        assert isinstance(granted, IssuedToken)
        return granted

    async def refreshes(self, token: str, **changes: Any) -> IssuedToken:
        request = TokenRequest("refresh_token", self.client_id, self.secret, refresh_token=token)
        granted = await self.world.auth.authorizations.grant(replace(request, **changes))
        assert isinstance(granted, IssuedToken)
        return granted

    async def is_in(self, issued: IssuedToken) -> bool:
        """Whether the access token holds."""
        try:
            await self.world.auth.sessions.exchange(issued.access_token)
        except InvalidToken:
            return False
        return True


async def client_of(world: Any, name: str = "Refreshing") -> Client:
    app, secret = await world.auth.apps.create(name, [world.redirect], ["read", "write"], "", GRANTS)
    return Client(world, app.client_id, secret)


@pytest.fixture
async def client(world: Any) -> Client:
    await world.sign_up()
    return await client_of(world)


async def test_only_apps_that_were_registered_for_it_get_refresh_tokens(world: Any, client: Client) -> None:
    issued = await client.signs_in()
    assert issued.refresh_token.startswith(PREFIX)
    assert issued.expires_in == 3600
    plain = Client(world, world.app.client_id, world.app_secret)
    assert (await plain.signs_in()).refresh_token == ""
    with pytest.raises(ClientNotRegistered):
        await plain.refreshes(issued.refresh_token)


async def test_a_refresh_gives_new_tokens_of_the_same_session(client: Client) -> None:
    first = await client.signs_in()
    second = await client.refreshes(first.refresh_token)
    assert len({first.access_token, second.access_token, first.refresh_token, second.refresh_token}) == 4
    assert first.session.session_id == second.session.session_id
    assert second.session.scopes == ("read", "write")
    assert await client.is_in(second)
    assert not await client.is_in(first)


async def test_an_access_token_ends_and_its_refresh_token_goes_on(client: Client) -> None:
    issued = await client.signs_in()
    client.world.clock.advance(3600)
    assert not await client.is_in(issued)
    assert await client.is_in(await client.refreshes(issued.refresh_token))


async def test_a_lost_answer_is_given_again(client: Client) -> None:
    issued = await client.signs_in()
    lost = await client.refreshes(issued.refresh_token)
    client.world.clock.advance(GRACE - 1)
    again = await client.refreshes(issued.refresh_token)
    assert (again.access_token, again.refresh_token) == (lost.access_token, lost.refresh_token)
    assert await client.is_in(again)


async def test_a_token_used_after_the_grace_ends_the_session_and_its_newest_tokens(client: Client) -> None:
    issued = await client.signs_in()
    newest = await client.refreshes(issued.refresh_token)
    client.world.clock.advance(GRACE)
    with pytest.raises(InvalidGrant, match="used before"):
        await client.refreshes(issued.refresh_token)
    assert not await client.is_in(newest)
    with pytest.raises(InvalidGrant, match="revoked"):
        await client.refreshes(newest.refresh_token)
    assert await client.world.recorded() == ["CredentialsCreated", "SessionRevoked"]


async def test_the_first_token_after_the_third_ends_the_session_even_at_once(client: Client) -> None:
    first = await client.signs_in()
    second = await client.refreshes(first.refresh_token)
    third = await client.refreshes(second.refresh_token)
    with pytest.raises(InvalidGrant, match="used before"):
        await client.refreshes(first.refresh_token)
    assert not await client.is_in(third)


async def test_other_sessions_are_left_alone_when_one_ends(client: Client) -> None:
    stolen, other = await client.signs_in(), await client.signs_in()
    await client.refreshes(stolen.refresh_token)
    client.world.clock.advance(GRACE)
    with pytest.raises(InvalidGrant):
        await client.refreshes(stolen.refresh_token)
    assert await client.is_in(other)
    assert await client.refreshes(other.refresh_token)


@pytest.mark.parametrize("times", [2, 50])
async def test_refreshes_at_once_get_one_answer_and_lock_nobody_out(client: Client, times: int) -> None:
    issued = await client.signs_in()
    answers = await asyncio.gather(*(client.refreshes(issued.refresh_token) for _ in range(times)))
    assert len({(answer.access_token, answer.refresh_token) for answer in answers}) == 1
    assert answers[0].session.generation == 1
    assert await client.is_in(answers[0])
    assert await client.refreshes(answers[-1].refresh_token)


async def test_an_unused_refresh_token_dies(client: Client) -> None:
    issued = await client.signs_in()
    client.world.clock.advance(timedelta(days=60).total_seconds())
    with pytest.raises(InvalidGrant, match="expired"):
        await client.refreshes(issued.refresh_token)


async def test_no_refresh_makes_a_session_last_longer_than_its_absolute_time(client: Client) -> None:
    issued = await client.signs_in()
    started = issued.session.created_at
    for _ in range(12):
        client.world.clock.advance(timedelta(days=30).total_seconds())
        issued = await client.refreshes(issued.refresh_token)
    assert issued.session.expires_at == started + timedelta(days=365)
    client.world.clock.advance(timedelta(days=5).total_seconds())
    with pytest.raises(InvalidGrant, match="expired"):
        await client.refreshes(issued.refresh_token)


async def test_a_use_of_the_access_token_does_not_extend_the_session(client: Client) -> None:
    issued = await client.signs_in()
    client.world.clock.advance(1800)
    await client.is_in(issued)
    view = await client.world.repository.session(issued.session.session_id)
    assert view.session.expires_at == issued.session.expires_at


async def test_anothers_refresh_token_is_refused_and_still_works_for_its_owner(client: Client) -> None:
    other = await client_of(client.world, "Other")
    issued = await client.signs_in()
    with pytest.raises(InvalidGrant, match="given"):
        await other.refreshes(issued.refresh_token)
    assert await client.refreshes(issued.refresh_token)


async def test_the_client_proves_itself_at_every_refresh(client: Client) -> None:
    issued = await client.signs_in()
    for secret in ("", "wrong"):
        with pytest.raises(InvalidClient):
            await client.refreshes(issued.refresh_token, client_secret=secret)
    assert await client.refreshes(issued.refresh_token)


async def test_scopes_may_not_grow(client: Client) -> None:
    issued = await client.signs_in()
    for scopes in (("push",), ("read", "follow"), ("admin:read",), ("everything",)):
        with pytest.raises(InvalidScope):
            await client.refreshes(issued.refresh_token, scopes=scopes)
    assert (await client.refreshes(issued.refresh_token, scopes=("read:accounts",))).session.generation == 1


async def test_no_forged_refresh_token_is_taken_and_none_ends_the_session(client: Client) -> None:
    issued = await client.signs_in()
    good = issued.refresh_token
    data = base64.urlsafe_b64decode(good.removeprefix(PREFIX) + "=")
    flipped = [bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]]) for place in range(len(data))]
    forged = [PREFIX + base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in flipped]
    for token in [*forged, good[:-1], good + "A", good.upper(), good.removeprefix(PREFIX), issued.access_token, "é"]:
        with pytest.raises(InvalidGrant, match="given"):
            await client.refreshes(token)
    with pytest.raises(InvalidRequest):
        await client.refreshes("")
    assert await client.refreshes(good)


async def test_what_is_no_refresh_token_is_not_read() -> None:
    for text in ("", PREFIX, PREFIX + "!" * 59, PREFIX + "_" * 59, "x" * 63, PREFIX + "A" * 58):
        assert read(text) is None


async def test_giving_back_either_token_ends_the_session(client: Client) -> None:
    for kind in ("access_token", "refresh_token"):
        issued = await client.signs_in()
        app = await client.world.auth.apps.authenticate(client.client_id, client.secret)
        await client.world.auth.sessions.revoke_token(getattr(issued, kind), app)
        assert not await client.is_in(issued)
        with pytest.raises(InvalidGrant):
            await client.refreshes(issued.refresh_token)


async def test_no_token_is_stored_as_it_is(client: Client) -> None:
    issued = await client.refreshes((await client.signs_in()).refresh_token)
    stored = await client.world.repository.session(issued.session.session_id)
    for token in (issued.access_token, issued.refresh_token):
        assert token not in repr(stored)
        assert token not in str(stored.session)
