"""The outbox in ScyllaDB or Cassandra: an event is a row of the same logged batch as the change that it tells of.

Rows are never deleted: partitions are minutes, which expire whole. A logged batch is atomic, not isolated: who reads
what an event points to may come too early, and tries again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID
from zlib import crc32

from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clients.cql_partitions import put_partitions
from rookery_common.clock import Clock
from rookery_common.kafka.cql_sweeper import CqlSweeper
from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import BackgroundPublisher, Sender

SHARDS = 8

CQL_OUTBOX_DDL = """
CREATE TABLE IF NOT EXISTS outbox (
  shard smallint,
  minute bigint,
  event_id uuid,
  occurred_at timestamp,
  source text,
  topic text,
  key text,
  type text,
  aggregate_id text,
  version bigint,
  payload blob,
  traceparent text,
  pending boolean,
  published_at timestamp,
  PRIMARY KEY ((shard, minute), event_id)
) WITH default_time_to_live = 604800
  AND gc_grace_seconds = 86400
  AND compaction = {
    'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 6
  };

CREATE TABLE IF NOT EXISTS outbox_shards (
  shard smallint PRIMARY KEY,
  holder text,
  minute bigint
);
"""

_STATEMENTS = {
    "outbox_insert": (
        "INSERT INTO outbox (shard, minute, event_id, occurred_at, source, topic, key, type, aggregate_id, version,"
        " payload, traceparent, pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ),
    "outbox_confirm": "UPDATE outbox SET pending = false WHERE shard = ? AND minute = ? AND event_id = ?",
    "outbox_mark": "UPDATE outbox SET published_at = ? WHERE shard = ? AND minute = ? AND event_id = ?",
    "outbox_minutes": "SELECT DISTINCT shard, minute FROM outbox WHERE shard IN ? AND minute IN ?",
    "outbox_scan": (
        "SELECT event_id, occurred_at, pending, published_at FROM outbox"
        " WHERE shard = ? AND minute = ? AND event_id > ? LIMIT ?"
    ),
    "outbox_get": (
        "SELECT event_id, occurred_at, source, topic, key, type, aggregate_id, version, payload, traceparent, pending"
        " FROM outbox WHERE shard = ? AND minute = ? AND event_id = ?"
    ),
    "outbox_claim": "UPDATE outbox_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = null",
    "outbox_renew": "UPDATE outbox_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = ?",
    "outbox_release": "UPDATE outbox_shards SET holder = null WHERE shard = ? IF holder = ?",
    "outbox_cursor": "SELECT minute FROM outbox_shards WHERE shard = ?",
    "outbox_move_cursor": "UPDATE outbox_shards SET minute = ? WHERE shard = ?",
}

Confirmer = Callable[[Event], Awaitable[bool]]


class CqlOutbox:
    """Gives the rows to put into a change's batch, publishes after it, and sweeps what a crash left.

    `confirmer` is for what is decided by a conditional write: asked about a pending row that nobody confirmed, it says
    by a serial read whether that write applied.
    """

    statements: ClassVar[Mapping[str, str]] = MappingProxyType(_STATEMENTS)

    def __init__(
        self,
        cql: Cql,
        producer: Sender,
        clock: Clock,
        shards: int = SHARDS,
        *,
        confirmer: Confirmer | None = None,
    ) -> None:
        self._cql = cql
        self._clock = clock
        self._shards = shards
        self._publisher = BackgroundPublisher(producer, self.mark)
        self._sweeper = CqlSweeper(cql, clock, shards, confirmer, self.mark)

    def rows(self, event: Event, *, pending: bool = False) -> list[tuple[str, Args]]:
        """What to put into the logged batch of the change. Pending, it goes before the conditional write, alone."""
        values = (
            *self._partition(event),
            UUID(event.event_id),
            event.occurred_at,
            event.source,
            event.topic,
            event.key,
            event.type,
            event.aggregate_id,
            event.version,
            event.payload,
            event.traceparent,
            pending,
        )
        return [("outbox_insert", values)]

    async def add_pending(self, event: Event) -> None:
        """Records what a conditional write is about to do, before it; published only once that write is known."""
        await self._cql.batch(self.rows(event, pending=True), logged=False)

    async def confirm(self, event: Event) -> None:
        """The conditional write applied. Without this call the relay finds out by itself, a minute later."""
        await self._cql.execute("outbox_confirm", (*self._partition(event), UUID(event.event_id)))

    async def publish_soon(self, events: Sequence[Event]) -> None:
        """After the batch only; returns at once, the events go out in the background."""
        self._publisher.submit(events)

    async def drain(self) -> None:
        """Waits until what was handed over is published, or left to the relay."""
        await self._publisher.drain()

    async def mark(self, events: Sequence[Event]) -> None:
        """Published: the sweeper passes over them. The rows of a partition together."""
        now = self._clock.now()
        partitions: dict[tuple[int, int], list[Args]] = {}
        for event in events:
            partition = self._partition(event)
            partitions.setdefault(partition, []).append((now, *partition, UUID(event.event_id)))
        await put_partitions(self._cql, "outbox_mark", partitions.values())

    async def sweep(self, sender: Sender) -> int:
        """Publishes what no process has within two seconds of its making; returns how many."""
        return await self._sweeper.sweep(sender)

    async def release(self) -> None:
        """Gives the leased shards back, so that another replica need not wait for the lease's end."""
        await self._sweeper.release()

    def _partition(self, event: Event) -> tuple[int, int]:
        # By key, so that one sweeper sends an aggregate's events.
        return crc32(event.key.encode()) % self._shards, minute_of(event.occurred_at)


def minute_of(moment: datetime) -> int:
    """Minutes since 1970: the time part of an outbox partition's key."""
    return int(moment.timestamp()) // 60
