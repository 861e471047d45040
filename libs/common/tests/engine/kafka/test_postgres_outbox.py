"""The outbox in Postgres: wherever the process dies, what is committed is published and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import pytest
import pytest_asyncio

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka import postgres_outbox as outbox_module
from rookery_common.kafka import publisher as publisher_module
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.inbox import POSTGRES_INBOX_DDL, PostgresInbox
from rookery_common.kafka.postgres_outbox import POSTGRES_OUTBOX_DDL, PostgresOutbox
from rookery_common.kafka.relay import Relay
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.crash import crash_at
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden, golden_message

TOPIC = "auth.events.v1"
MAX_LINES = 200


@pytest_asyncio.fixture
async def pg(pg_database: str) -> AsyncIterator[Postgres]:
    client = Postgres(pg_database, pool_size=4, name="test")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("create", "CREATE TABLE things (id text PRIMARY KEY)")
        for statement in (POSTGRES_OUTBOX_DDL + POSTGRES_INBOX_DDL).split(";")[:-1]:
            await tx.execute("create", statement)
    yield client
    await client.stop()


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


def _outbox(pg: Postgres, producer: FakeProducer) -> PostgresOutbox:
    return PostgresOutbox(pg, producer, "auth", grace_seconds=0.0)


def _event(clock: FakeClock, key: str = "1") -> Event:
    message = golden_message(TOPIC, "CredentialsCreated")
    return new_event(TOPIC, key, message, version=1, clock=clock, source="auth")


async def _change(outbox: PostgresOutbox, event: Event) -> None:
    async with outbox.transaction() as tx:
        await tx.execute("insert", "INSERT INTO things VALUES ($1)", event.event_id)
        tx.emit(event)
    await outbox.drain()


async def _is_there(pg: Postgres, event: Event) -> bool:
    async with pg.read() as connection:
        return bool(await connection.fetchval("there", "SELECT 1 FROM things WHERE id = $1", event.event_id))


async def _is_left(pg: Postgres, event: Event) -> bool:
    async with pg.read() as connection:
        left = "SELECT 1 FROM outbox WHERE event_id = $1 AND published_at IS NULL"
        return bool(await connection.fetchval("left", left, UUID(event.event_id)))


async def _sweep(pg: Postgres, producer: FakeProducer) -> int:
    return await Relay(_outbox(pg, producer), producer, service="auth").sweep_all()


async def test_a_change_publishes_its_event_and_leaves_nothing_to_the_relay(
    pg: Postgres, producer: FakeProducer, clock: FakeClock
) -> None:
    event = _event(clock)
    await _change(_outbox(pg, producer), event)
    assert producer.sent == [event]
    assert await _sweep(pg, producer) == 0


async def test_a_crash_at_any_line_neither_loses_an_event_nor_invents_one(pg: Postgres, clock: FakeClock) -> None:
    outcomes = set()
    for line in range(1, MAX_LINES):
        producer, event = FakeProducer(), _event(clock)
        async with crash_at(line, outbox_module, publisher_module, _change) as point:
            await _change(_outbox(pg, producer), event)
        published_alone = event in producer.sent
        await _sweep(pg, producer)
        committed = await _is_there(pg, event)
        assert (event in producer.sent) == committed, f"line {line}"
        outcomes.add((committed, published_alone))
        if not point.happened:
            break
    assert not point.happened
    assert outcomes == {(False, False), (True, False), (True, True)}


async def test_a_relay_that_dies_at_any_line_is_followed_by_one_that_finishes(pg: Postgres, clock: FakeClock) -> None:
    for line in range(1, MAX_LINES):
        producer, event = FakeProducer(), _event(clock)
        producer.away = True
        await _change(_outbox(pg, producer), event)
        producer.away = False
        async with crash_at(line, outbox_module) as point:
            await _sweep(pg, producer)
        async with asyncio.timeout(10):
            # The engine may need a moment to find that the dead one's connection, and so its lock, is gone.
            while await _is_left(pg, event):
                await _sweep(pg, producer)
        assert event in producer.sent, f"line {line}"
        assert await _sweep(pg, producer) == 0
        if not point.happened:
            break
    assert not point.happened


async def test_a_change_that_fails_publishes_nothing(pg: Postgres, producer: FakeProducer, clock: FakeClock) -> None:
    event, outbox = _event(clock), _outbox(pg, producer)
    with suppress(RuntimeError):
        async with outbox.transaction() as tx:
            tx.emit(event)
            raise RuntimeError("the change fails")
    await outbox.drain()
    await _sweep(pg, producer)
    assert producer.sent == []


async def test_events_of_an_outage_are_published_in_order_when_it_ends(
    pg: Postgres, producer: FakeProducer, clock: FakeClock
) -> None:
    outbox, events = _outbox(pg, producer), []
    producer.away = True
    for _ in range(5):
        clock.advance(0.001)
        events.append(_event(clock))
        await _change(outbox, events[-1])
    producer.away = False
    assert await _sweep(pg, producer) == 5
    assert producer.sent == events


async def test_a_fresh_event_is_left_to_its_own_process(pg: Postgres, producer: FakeProducer) -> None:
    event = _event(FakeClock())
    async with pg.transaction() as tx:
        await _outbox(pg, producer).add(tx, event)
        await tx.execute("fresh", "UPDATE outbox SET created_at = now()")
    assert await PostgresOutbox(pg, producer, "auth").sweep(producer) == 0


async def test_two_relays_do_not_sweep_a_shard_at_the_same_time(pg: Postgres, clock: FakeClock) -> None:
    event = _event(clock)
    async with pg.transaction() as tx:
        await _outbox(pg, FakeProducer()).add(tx, event)

    class Nested(FakeProducer):
        async def send_all(self, events: object) -> None:
            assert await _outbox(pg, other).sweep(other) == 0

    other = FakeProducer()
    assert await _outbox(pg, other).sweep(Nested()) == 1
    assert other.sent == []


async def test_an_event_is_handled_once_however_often_it_comes(pg: Postgres) -> None:
    event, inbox = golden("user.events.v1", "FollowCreated"), PostgresInbox()
    for expected in (True, False):
        async with pg.transaction() as tx:
            assert await inbox.first(tx, "feed.user-events", event) is expected
    with suppress(RuntimeError):
        async with pg.transaction() as tx:
            assert await inbox.first(tx, "user.user-events", event)
            raise RuntimeError("the effect fails")
    async with pg.transaction() as tx:
        assert await inbox.first(tx, "user.user-events", event), "what was rolled back is not handled"
        assert await inbox.purge(tx) == 0
