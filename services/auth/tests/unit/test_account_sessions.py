"""The sessions of an account as its owner sees them, and ending them."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.account_models import Client
from auth_service.errors import SessionNotFound
from auth_service.service.account_sessions import device_of, network_of
from rookery_common.auth import Identity, InvalidToken
from rookery_common.errors import Unavailable

PASSWORD = "correct horse of alice"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
EDGE = CHROME + " Edg/142.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Safari/604.1"


async def used(world: Any, token: str, agent: str, address: str) -> Identity:
    """The token is exchanged, as by the gateway for a request."""
    session = (await world.auth.sessions.exchange(token)).view.session
    await world.auth.account_sessions.note(session, Client(address, agent))
    return Identity(session.account_id, session.session_id, session.app_id, frozenset(session.scopes))


async def test_an_owner_sees_device_network_and_last_use(world: Any) -> None:
    app = await world.sign_up()
    browser = (await world.auth.browsers.start("alice", PASSWORD, Client())).session
    await used(world, app.access_token, "toot/0.50", "2001:db8:1:2::3")
    world.clock.advance(60)
    caller = await used(world, browser.token, FIREFOX, "192.0.2.77")
    first, second = await world.auth.account_sessions.list(caller)
    assert (first.device, first.network, first.is_current) == ("Firefox, Linux", "192.0.2.0/24", True)
    assert (second.device, second.network, second.is_current) == ("toot", "2001:db8:1::/48", False)
    assert second.session.app_name == "Client"
    assert first.session.used_at == world.clock.now()


async def test_use_is_noted_once_in_a_quarter_of_an_hour(world: Any) -> None:
    token = (await world.sign_up()).access_token
    noted = world.clock.now()
    caller = await used(world, token, FIREFOX, "192.0.2.77")
    world.clock.advance(899)
    await used(world, token, IPHONE, "198.51.100.7")
    [session] = await world.auth.account_sessions.list(caller)
    assert (session.device, session.session.used_at) == ("Firefox, Linux", noted)
    world.clock.advance(1)
    await used(world, token, IPHONE, "198.51.100.7")
    [session] = await world.auth.account_sessions.list(caller)
    assert (session.device, session.network) == ("Safari, iPhone", "198.51.100.0/24")


async def test_a_use_that_can_not_be_noted_is_none_the_worse(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token = (await world.sign_up()).access_token

    async def away(*_args: object) -> None:
        raise Unavailable("Postgres is away")

    monkeypatch.setattr(world.accounts, "note_use", away)
    assert await used(world, token, FIREFOX, "192.0.2.77")


async def test_an_owner_ends_one_session_and_nobody_elses(world: Any) -> None:
    alice, bob = await world.sign_up(), await world.sign_up("bob")
    caller = await used(world, alice.access_token, FIREFOX, "192.0.2.77")
    for session_id in (bob.session.session_id, 1):
        with pytest.raises(SessionNotFound):
            await world.auth.account_sessions.revoke(caller, session_id)
    await world.auth.account_sessions.revoke(caller, alice.session.session_id)
    with pytest.raises(SessionNotFound):
        await world.auth.account_sessions.revoke(caller, alice.session.session_id)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(alice.access_token)
    assert await world.auth.sessions.exchange(bob.access_token)


async def test_an_owner_ends_all_other_sessions(world: Any) -> None:
    first, _ = await world.sign_up(), await world.sign_up()
    browser = (await world.auth.browsers.start("alice", PASSWORD, Client())).session
    caller = await used(world, browser.token, FIREFOX, "192.0.2.77")
    await world.auth.account_sessions.revoke_others(caller)
    [left] = await world.auth.account_sessions.list(caller)
    assert left.is_current
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(first.access_token)
    revoked = [one.session_id for one in await world.repository.revocations_after(0, 10)]
    assert caller.session_id not in revoked
    assert 0 not in revoked
    assert len(revoked) == 2


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox, Linux"),
        (CHROME, "Chrome, Windows"),
        (EDGE, "Edge, Windows"),
        (IPHONE, "Safari, iPhone"),
        ("mastodonpy/2.1", "mastodonpy"),
        ("okhttp/5.0", "okhttp"),
        ("", ""),
        ("<script>", ""),
        ("x" * 400, "x" * 60),
    ],
)
def test_devices_are_called_what_owners_know_them_by(agent: str, device: str) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0/24"), ("::ffff:192.0.2.77", "192.0.2.0/24"), ("nowhere", ""), ("", "")],
)
def test_networks_are_no_addresses(address: str, network: str) -> None:
    assert network_of(address) == network
