"""Deleted accounts, over Postgres: they sign in no more, and nothing is left by which they could be known."""

from __future__ import annotations

from contextlib import AsyncExitStack
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from auth_service.account_models import Client
from auth_service.app import ALLOWED_CALLERS, erasure_of, mailer_of
from auth_service.config import Settings
from auth_service.errors import WrongCredentials
from auth_service.mail_transport import SmtpTransport
from auth_service.models import AuthorizationRequest
from auth_service.repository import erasing
from auth_service.repository.accounts import AccountRepository
from auth_service.service.erasure import Erasure
from rookery.common.v1.erasure_service_pb2 import EraseAccountRequest
from rookery.common.v1.erasure_service_pb2_grpc import ErasureServiceStub
from rookery_common.auth import InvalidToken
from rookery_common.clients.postgres import Postgres
from rookery_common.erasure import Erased
from rookery_common.errors import InvalidArgument, PermissionDenied
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_after
from rookery_common.testing.rpc import Network, settings_of

BROWSER = Client("192.0.2.77", "Mozilla/5.0 Firefox/140.0", "", "de")
# What is kept for a while: ids in the feed of revocations and in events that were told, and keyed digests of tries.
STAYS = {"revocations", "revocation_counter", "outbox", "sign_in_tries", "signing_keys", "apps", "roles", "mails"}


@pytest.fixture
def erasure(settings: Settings, accounts: AccountRepository, outbox: PostgresOutbox, clock: FakeClock) -> Erasure:
    return erasure_of(settings, accounts, outbox, clock)


async def _rows(pg: Postgres) -> dict[str, int]:
    """How many there are, of the tables that have any, without what says nothing about anybody."""
    async with pg.read(primary=True) as read:
        tables = await read.fetch("tables", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = {row["tablename"] for row in tables} - STAYS - {"schema_migrations"}
        counts = {name: await read.fetchval("rows", f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608
    return {name: count for name, count in counts.items() if count}


async def test_nobody_signs_in_as_a_deleted_account_and_nothing_of_it_is_left(
    world: Any, erasure: Erasure, pg: Postgres, accounts: AccountRepository
) -> None:
    before = await _rows(pg)
    issued = await world.sign_up()
    account_id = issued.session.account_id
    step = await world.auth.browsers.start("alice", "correct horse of alice", BROWSER)
    await world.auth.authorizations.authorize(
        AuthorizationRequest(world.app.client_id, world.redirect, "code"),
        "alice",
        "correct horse of alice",
        "192.0.2.77",
    )
    await accounts.begin_totp(account_id, b"sealed")
    await accounts.enable_totp(account_id, 1, [bytes(32)])
    erased = await erasure.erase(account_id)
    assert (erased.done, erased.amount) == (True, 3)
    assert await _rows(pg) == before
    for token in (issued.access_token, step.session.token):
        with pytest.raises(InvalidToken):
            await world.auth.sessions.exchange(token)
    for login in ("alice", "alice@example.org"):
        with pytest.raises(WrongCredentials):
            await world.auth.browsers.start(login, "correct horse of alice", BROWSER)
    [revoked] = await world.repository.revocations_after(0, 10)
    assert (revoked.account_id, revoked.session_id) == (account_id, 0)
    assert (await world.recorded()).count("SessionRevoked") == 2
    assert await erasure.erase(account_id) == Erased(done=True, amount=0)


async def test_another_account_keeps_what_it_has(world: Any, erasure: Erasure) -> None:
    alice, bob = await world.sign_up(), await world.sign_up("bob")
    await erasure.erase(alice.session.account_id)
    assert (await world.auth.sessions.exchange(bob.access_token)).token
    await world.auth.browsers.start("bob", "correct horse of bob", BROWSER)


async def test_who_has_very_many_sessions_is_erased_in_several_steps(
    world: Any, erasure: Erasure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "SESSIONS", 1)
    issued = await world.sign_up()
    erased = await erasure.erase(issued.session.account_id)
    assert erased == Erased(done=False, amount=1)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    assert await erasure.erase(issued.session.account_id) == Erased(done=True, amount=1)
    assert await world.repository.credentials_by_username("alice") is None


@pytest.mark.parametrize("answer", [2, 5, 8])
async def test_a_crash_leaves_all_of_an_account_or_nothing(
    world: Any, erasure: Erasure, pg: Postgres, answer: int
) -> None:
    before = await _rows(pg)
    issued = await world.sign_up()
    with_it = await _rows(pg)
    async with crash_after(answer, erasing) as point:
        await erasure.erase(issued.session.account_id)
    assert point.happened
    assert await _rows(pg) in (before, with_it)
    assert (await erasure.erase(issued.session.account_id)).done
    assert await _rows(pg) == before


async def test_the_address_is_told_and_then_forgotten(
    world: Any, smtp: Settings, server: Any, accounts: AccountRepository, outbox: PostgresOutbox, clock: FakeClock
) -> None:
    issued = await world.sign_up(locale="de")
    await erasure_of(smtp, accounts, outbox, clock).erase(issued.session.account_id)
    assert await mailer_of(smtp, accounts, clock, SmtpTransport(smtp)).send_due() == 1
    [taken] = server.taken
    assert taken.rcpt_tos == ["alice@example.org"]
    assert "gelöscht" in str(message_from_bytes(taken.content, policy=default)["subject"])
    assert await accounts.claim_mails(clock.now(), clock.now(), 5) == []


async def test_user_alone_may_ask(world: Any, erasure: Erasure) -> None:
    issued = await world.sign_up()
    request = EraseAccountRequest(account_id=issued.session.account_id)
    async with AsyncExitStack() as stack:
        network = Network(stack, world.auth.verifier)
        server = await network.serve(erasure_registration(erasure), allowed_callers=ALLOWED_CALLERS)
        for caller in ("gateway", "post", "auth"):
            other = await network.client(server.port, ErasureServiceStub, service="auth", settings=settings_of(caller))
            with pytest.raises(PermissionDenied):
                await other.call("EraseAccount", request, timeout=10, identity=None)
        user = await network.client(server.port, ErasureServiceStub, service="auth", settings=settings_of("user"))
        with pytest.raises(InvalidArgument):
            await user.call("EraseAccount", EraseAccountRequest(), timeout=10, identity=None)
        answer = await user.call("EraseAccount", request, timeout=10, identity=None)
    assert answer.done
    assert await world.repository.credentials_by_username("alice") is None
