"""A process that dies between any two steps of a sign-up leaves one account in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from rookery.auth.v1.events_pb2 import CredentialsCreated
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.relay import Relay


class Died(BaseException):
    """The end of a process, which nothing in it may catch."""


class Kafka:
    """Where the relay publishes."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send_all(self, events: Sequence[Event]) -> None:
        self.events += events


class Unreachable:
    """Kafka as a process sees it that dies before it has published."""

    async def send_all(self, events: Sequence[Event]) -> None:
        raise Unavailable("nothing is published by this process")


async def confirm_by_events(world: Any, pg: Postgres) -> list[Event]:
    """What the relay of another process publishes, and the user service makes of it."""
    kafka = Kafka()
    outbox = PostgresOutbox(pg, kafka, "auth", grace_seconds=0)
    await Relay(outbox, kafka, service="auth").sweep_all()
    for event in kafka.events:
        message = event.decode()
        assert isinstance(message, CredentialsCreated)
        await world.users.confirm(message.account_id, message.request_id)
    return kafka.events


@pytest.fixture
def unpublished(world: Any, pg: Postgres) -> None:
    """The serving process never gets to publish what it has committed."""
    outbox = PostgresOutbox(pg, Unreachable(), "auth")
    world.auth.sign_up._repository = AuthRepository(pg, outbox)
    world.auth.sign_up._accounts = AccountRepository(pg, outbox)


@pytest.mark.usefixtures("unpublished")
@pytest.mark.parametrize("step", ["reserve", "hash", "credentials", "confirm"])
@pytest.mark.parametrize("again", [False, True])
async def test_a_crash_before_a_step_leaves_one_account_in_the_end(
    world: Any, pg: Postgres, step: str, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = {
        "reserve": (world.users, "reserve"),
        "hash": (world.auth.passwords, "hash"),
        "credentials": (world.auth.sign_up._accounts, "add_account"),
        "confirm": (world.users, "confirm"),
    }[step]

    async def dies(*_args: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dies)
        with pytest.raises(Died):
            await world.sign_up()
    if again or step != "confirm":
        issued = await world.sign_up()
        assert list(world.users.accounts) == [issued.session.account_id]
    events = await confirm_by_events(world, pg)
    assert len(events) == 1
    assert list(world.users.accounts.values()) == ["alice"]
    assert len(world.users.reservations) == 1


@pytest.mark.usefixtures("unpublished")
async def test_a_crash_inside_the_transaction_leaves_nothing_of_it(world: Any, pg: Postgres) -> None:
    async def dies(*_args: object) -> None:
        raise Died

    world.auth.sign_up._accounts._outbox.add_all = dies
    with pytest.raises(Died):
        await world.sign_up()
    assert await world.repository.credentials_by_username("alice") is None
    assert await world.recorded() == []
    del world.auth.sign_up._accounts._outbox.add_all
    issued = await world.sign_up()
    assert list(world.users.accounts) == [issued.session.account_id]


async def test_of_many_sign_ups_at_once_for_one_name_one_account_is_left(world: Any, pg: Postgres) -> None:
    wanted = [world.sign_up("alice", request_id=f"r{n}", email=f"a{n}@example.org") for n in range(5)]
    results = await asyncio.gather(*wanted, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert list(world.users.accounts.values()) == ["alice"]
    assert await world.recorded() == ["CredentialsCreated"]
