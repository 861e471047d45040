"""Hearing of revocations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway_service import revocations as module
from gateway_service.connections import Closing
from gateway_service.revocations import Revocations
from rookery.auth.v1.auth_service_pb2 import Revocation, WatchRevocationsResponse
from rookery_common.clock import SystemClock
from rookery_common.errors import FailedPrecondition, Unauthenticated, Unavailable
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.waiting import eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

BOB = 102


async def asks_anew(world: World, gateway: Gateway, asked: int) -> bool:
    """Whether a token that was asked about so often is asked about once more now."""
    await gateway.exchange.exchange("token")
    return len(world.called("ExchangeToken")) > asked


async def test_it_is_ready_once_auth_was_heard(gateway: Gateway) -> None:
    await eventually(gateway.revocations.fresh)
    await gateway.revocations.check()


async def test_before_auth_was_heard_nothing_is_fresh(gateway: Gateway) -> None:
    deaf = Revocations(gateway.clients, SystemClock())
    assert not deaf.fresh()
    with pytest.raises(Unavailable):
        await deaf.check()


def test_after_a_second_of_silence_nothing_is_fresh(gateway: Gateway, clock: FakeClock) -> None:
    revocations = Revocations(gateway.clients, clock)
    revocations._take(WatchRevocationsResponse())
    assert revocations.fresh()
    clock.advance(module.SILENCE_SECONDS + 0.1)
    assert not revocations.fresh()


async def test_a_revoked_session_s_token_is_asked_about_anew(world: World, gateway: Gateway) -> None:
    world.account(BOB, "bob")
    world.opaque["token"] = world.tokens.identity(BOB, session_id=7)
    await eventually(gateway.revocations.fresh)
    assert (await gateway.exchange.exchange("token")).identity.account_id == BOB
    del world.opaque["token"]
    assert (await gateway.exchange.exchange("token")).identity.account_id == BOB  # remembered
    world.revocations.put_nowait(Revocation(session_id=7, account_id=BOB, sequence=1))

    async def refused() -> bool:
        with suppress(Unauthenticated):
            await gateway.exchange.exchange("token")
            return False
        return True

    await eventually(refused)


async def test_where_auth_has_forgotten_what_came_after_every_session_shows_its_token_again(
    world: World, gateway: Gateway
) -> None:
    world.account(BOB, "bob")
    identity = world.tokens.identity(BOB, session_id=7)
    world.opaque["token"] = identity
    world.revocations.put_nowait(Revocation(session_id=9, account_id=BOB, sequence=5))
    await eventually(lambda: gateway.revocations.fresh() and world.revocations.empty())
    await gateway.exchange.exchange("token")
    connection = gateway.hub.open(identity)
    del world.opaque["token"]
    forgotten = FailedPrecondition("Start at 0.")
    forgotten.reason = "REVOCATIONS_FORGOTTEN"
    world.revocations.put_nowait(forgotten)
    await eventually(lambda: world.called("WatchRevocations") == [0, 0])
    with pytest.raises(Unauthenticated):
        await gateway.exchange.exchange("token")
    assert connection.closed.result() is Closing.RESTART
    await eventually(gateway.revocations.fresh)


async def test_a_broken_stream_is_resumed_where_it_broke(world: World, gateway: Gateway) -> None:
    await eventually(lambda: world.called("WatchRevocations") == [0])
    world.revocations.put_nowait(Revocation(session_id=7, account_id=BOB, sequence=5))
    world.revocations.put_nowait(Unavailable("Restarting."))
    await eventually(lambda: world.called("WatchRevocations") == [0, 5])


async def test_while_auth_is_away_that_is_logged_once(world: World, gateway: Gateway) -> None:
    await eventually(lambda: world.called("WatchRevocations") == [0])
    with capture_logs() as logs:
        world.failures["WatchRevocations"] = Unavailable("Restarting.")
        world.revocations.put_nowait(Unavailable("Restarting."))
        await eventually(lambda: len(world.called("WatchRevocations")) > 3)
        world.failures.clear()
        await eventually(lambda: any(each["event"] == "revocations.heard_again" for each in logs))
    told = [each["event"] for each in logs if each["event"].startswith("revocations.")]
    assert told == ["revocations.lost", "revocations.heard_again"]


async def test_a_revoked_app_ends_with_its_streams_and_others_go_on(world: World, gateway: Gateway) -> None:
    closed: list[tuple[str, int]] = []

    class Holder:
        def close_session(self, session_id: int) -> None:
            closed.append(("session", session_id))

        def close_account(self, account_id: int) -> None:
            closed.append(("account", account_id))

        def close_app(self, app_id: int) -> None:
            closed.append(("app", app_id))

        def close_all(self) -> None:
            closed.append(("all", 0))

    world.account(BOB, "bob")
    identity = world.opaque["token"] = world.tokens.identity(BOB, session_id=7)
    gateway.revocations.connect(gateway.exchange, Holder())
    await eventually(gateway.revocations.fresh)
    await gateway.exchange.exchange("token")
    asked = len(world.called("ExchangeToken"))
    world.revocations.put_nowait(Revocation(app_id=identity.app_id + 1, sequence=1))
    await eventually(lambda: len(closed) == 1)
    await gateway.exchange.exchange("token")
    assert len(world.called("ExchangeToken")) == asked
    world.revocations.put_nowait(Revocation(app_id=identity.app_id, sequence=2))
    await eventually(lambda: len(closed) == 2)
    await gateway.exchange.exchange("token")
    assert len(world.called("ExchangeToken")) == asked + 1
    world.revocations.put_nowait(Revocation(sequence=3, roles_changed=True))
    await eventually(lambda: asks_anew(world, gateway, asked + 1))
    assert len(world.called("ExchangeToken")) == asked + 2
    assert closed == [("app", identity.app_id + 1), ("app", identity.app_id)]


async def test_changed_roles_are_asked_for_anew_and_end_no_session(world: World, gateway: Gateway) -> None:
    closed: list[int] = []

    class Holder:
        def close_session(self, session_id: int) -> None:
            closed.append(session_id)

        def close_account(self, account_id: int) -> None:
            closed.append(account_id)

        def close_app(self, app_id: int) -> None:
            closed.append(app_id)

        def close_all(self) -> None:
            closed.append(0)

    world.account(BOB, "bob")
    world.opaque["token"] = world.tokens.identity(BOB, session_id=7)
    gateway.revocations.connect(gateway.exchange, Holder())
    await eventually(gateway.revocations.fresh)
    await gateway.exchange.exchange("token")
    asked = len(world.called("ExchangeToken"))
    world.revocations.put_nowait(Revocation(account_id=BOB, sequence=1, roles_changed=True))
    await eventually(lambda: asks_anew(world, gateway, asked))
    assert len(world.called("ExchangeToken")) == asked + 1
    assert closed == []
