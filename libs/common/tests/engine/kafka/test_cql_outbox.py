"""The outbox in CQL: wherever the process dies, what is written is published and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.config import CqlSettings
from rookery_common.kafka import cql_outbox as outbox_module
from rookery_common.kafka import cql_sweeper as sweeper_module
from rookery_common.kafka import publisher as publisher_module
from rookery_common.kafka.cql_outbox import CQL_OUTBOX_DDL, CqlOutbox
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.relay import Relay
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.crash import crash_at
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden_message

TOPIC = "post.events.v1"
MAX_LINES = 300
STATEMENTS = {
    "thing_insert": "INSERT INTO things (id) VALUES (?)",
    "thing_claim": "INSERT INTO things (id) VALUES (?) IF NOT EXISTS",
    "lease_ends": "UPDATE outbox_shards SET holder = null WHERE shard = ? IF EXISTS",
    "thing_get": "SELECT id FROM things WHERE id = ?",
}


@pytest_asyncio.fixture
async def cql(shared_cql_keyspace: CqlSettings, tmp_path: Path) -> AsyncIterator[Cql]:
    tables = "CREATE TABLE IF NOT EXISTS things (id text PRIMARY KEY);" + CQL_OUTBOX_DDL
    (tmp_path / "20260301T1200_create_tables.cql").write_text(tables)
    await migrate_cql(shared_cql_keyspace, tmp_path)
    async with emptied_cql(shared_cql_keyspace, "test", {**STATEMENTS, **CqlOutbox.statements}, tmp_path) as client:
        yield client


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


class Process:
    """One life of a process with one outbox shard; a new one after each crash."""

    def __init__(self, cql: Cql, clock: FakeClock, producer: FakeProducer) -> None:
        self.cql, self.clock, self.producer = cql, clock, producer
        self.outbox = CqlOutbox(cql, producer, clock, 1, confirmer=self.applied)

    def event(self) -> Event:
        message = golden_message(TOPIC, "PostCreated")
        return new_event(TOPIC, "1", message, version=1, clock=self.clock, source="post")

    async def change(self, event: Event) -> None:
        await self.cql.batch([("thing_insert", (event.event_id,)), *self.outbox.rows(event)])
        await self.outbox.publish_soon([event])
        await self.outbox.drain()

    async def conditional_change(self, event: Event, thing: str) -> None:
        await self.outbox.add_pending(event)
        applied, _ = await self.cql.execute_conditional("thing_claim", (thing,))
        if applied:
            await self.outbox.confirm(event)
            await self.outbox.publish_soon([event])
            await self.outbox.drain()

    async def applied(self, event: Event) -> bool:
        return bool(await self.cql.execute("thing_get", (event.event_id,), serial=True))

    async def sweep(self) -> int:
        """What the relay does, once everything is old enough."""
        self.clock.advance(61)
        relay = Relay(self.outbox, self.producer, service="post", clock=self.clock)
        swept = await relay.sweep_all()
        await self.outbox.release()
        return swept


@pytest.fixture
def process(cql: Cql, clock: FakeClock, producer: FakeProducer) -> Process:
    return Process(cql, clock, producer)


async def test_a_change_publishes_its_event_and_leaves_nothing_to_the_relay(process: Process) -> None:
    event = process.event()
    await process.change(event)
    assert process.producer.sent == [event]
    assert await process.sweep() == 0


async def test_a_crash_at_any_line_neither_loses_an_event_nor_invents_one(cql: Cql, clock: FakeClock) -> None:
    outcomes = set()
    for line in range(1, MAX_LINES):
        process = Process(cql, clock, FakeProducer())
        event = process.event()
        async with crash_at(line, outbox_module, publisher_module, Process.change) as point:
            await process.change(event)
        published_alone = event.event_id in _sent(process)
        await process.sweep()
        written = await process.applied(event)
        assert (event.event_id in _sent(process)) == written, f"line {line}"
        outcomes.add((written, published_alone))
        if not point.happened:
            break
    assert not point.happened
    assert outcomes == {(False, False), (True, False), (True, True)}


async def test_a_crash_around_a_conditional_write_publishes_what_applied_and_nothing_else(
    cql: Cql, clock: FakeClock
) -> None:
    for line in range(1, MAX_LINES):
        process = Process(cql, clock, FakeProducer())
        event = process.event()
        async with crash_at(line, outbox_module, publisher_module, Process.conditional_change) as point:
            await process.conditional_change(event, event.event_id)
        await process.sweep()
        assert (event.event_id in _sent(process)) == await process.applied(event), f"line {line}"
        if not point.happened:
            break
    assert not point.happened


async def test_a_conditional_write_that_lost_is_never_published(process: Process) -> None:
    await process.cql.execute("thing_insert", ("taken",))
    await process.conditional_change(process.event(), "taken")
    assert await process.sweep() == 0
    assert await process.sweep() == 0
    assert process.producer.sent == []


async def test_a_pending_row_waits_until_its_write_can_no_longer_be_under_way(process: Process) -> None:
    event = process.event()
    await process.outbox.add_pending(event)
    await process.cql.execute("thing_insert", (event.event_id,))
    process.clock.advance(5)
    assert await process.outbox.sweep(process.producer) == 0
    process.clock.advance(60)
    assert await process.outbox.sweep(process.producer) == 1


async def test_a_sweeper_that_dies_at_any_line_is_followed_by_one_that_finishes(cql: Cql, clock: FakeClock) -> None:
    await Process(cql, clock, FakeProducer()).sweep()
    for line in range(1, MAX_LINES, 3):
        first, second = (Process(cql, clock, FakeProducer()) for _ in range(2))
        first.producer.away = True
        event = first.event()
        await first.change(event)
        first.producer.away = False
        async with crash_at(line, sweeper_module) as point:
            await first.sweep()
        await cql.execute_conditional("lease_ends", (0,))
        await second.sweep()
        assert event.event_id in _sent(first) + _sent(second), f"line {line}"
        assert await second.sweep() == 0
        if not point.happened:
            break
    assert not point.happened


async def test_a_row_that_appears_in_the_past_is_found_though_the_cursor_has_moved_on(process: Process) -> None:
    late = process.event()
    process.clock.advance(5 * 60)
    assert await process.sweep() == 0
    await process.cql.batch(process.outbox.rows(late))
    assert await process.sweep() == 1
    assert _sent(process) == [late.event_id]


async def test_two_sweepers_share_the_shards(cql: Cql, clock: FakeClock) -> None:
    first, second = (Process(cql, clock, FakeProducer()) for _ in range(2))
    event = first.event()
    await cql.batch(first.outbox.rows(event))
    clock.advance(5)
    assert await first.outbox.sweep(FakeProducer()) == 1
    await cql.batch(first.outbox.rows(first.event()))
    clock.advance(5)
    assert await second.outbox.sweep(second.producer) == 0
    await first.outbox.release()
    assert await second.outbox.sweep(second.producer) == 1


def _sent(process: Process) -> list[str]:
    return [event.event_id for event in process.producer.sent]


async def test_what_has_settled_is_looked_at_once_a_minute(
    cql: Cql, clock: FakeClock, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    execute = Cql.execute

    async def count(self: Cql, statement: str, *args: Any, **options: Any) -> Any:
        rows = await execute(self, statement, *args, **options)
        if statement == "outbox_scan":
            looked_at.extend(str(row.event_id) for row in rows)
        return rows

    monkeypatch.setattr(Cql, "execute", count)
    clock.advance(60 - clock.now().timestamp() % 60)
    events = [process.event() for _ in range(5)]
    for event in events:
        await process.change(event)
    assert await process.outbox.sweep(process.producer) == 0
    assert len(looked_at) == 5
    clock.advance(11)
    assert await process.outbox.sweep(process.producer) == 0
    looked_at.clear()
    assert await process.outbox.sweep(process.producer) == 0
    assert not looked_at
    late = replace(process.event(), event_id=str(UUID(int=UUID(events[0].event_id).int - 1)))
    await cql.batch(process.outbox.rows(late))
    clock.advance(3)
    assert await process.outbox.sweep(process.producer) == 0
    clock.advance(60)
    assert await process.outbox.sweep(process.producer) == 1
    assert late.event_id in _sent(process)
