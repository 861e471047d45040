"""The outbox in Postgres: an event is a row of the transaction that it tells of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from uuid import UUID
from zlib import crc32

import asyncpg

from rookery_common.clients.postgres import Isolation, PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import BackgroundPublisher, Sender

SHARDS = 8
GRACE_SECONDS = 2.0
SWEEP_ROWS = 500
# Under the server's idle_in_transaction_session_timeout, since the shard's lock is held by a transaction.
SWEEP_SEND_SECONDS = 15.0
KEEP_SECONDS = 86_400
PURGE_EVERY_SECONDS = 60.0
PURGE_ROWS = 2_000
LOCK_NAMESPACE = 0x0B0C5  # "outbox", among the advisory locks of a database

POSTGRES_OUTBOX_DDL = """
CREATE TABLE outbox (
  event_id     uuid PRIMARY KEY,
  shard        smallint NOT NULL,
  created_at   timestamptz NOT NULL,
  topic        text NOT NULL,
  key          text NOT NULL,
  type         text NOT NULL,
  aggregate_id text NOT NULL,
  version      bigint NOT NULL,
  payload      bytea NOT NULL,
  traceparent  text NOT NULL,
  published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (shard, created_at) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
"""

_INSERT = """
INSERT INTO outbox (event_id, shard, created_at, topic, key, type, aggregate_id, version, payload, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_MARK = "UPDATE outbox SET published_at = now() WHERE event_id = ANY($1::uuid[])"
_LEFT_SHARDS = """
SELECT DISTINCT shard FROM outbox
WHERE published_at IS NULL AND created_at < now() - make_interval(secs => $1) ORDER BY shard LIMIT 64
"""
_LOCK = "SELECT pg_try_advisory_xact_lock($1, $2)"
_LEFT = """
SELECT event_id, created_at, topic, key, type, aggregate_id, version, payload, traceparent FROM outbox
WHERE shard = $1 AND published_at IS NULL AND created_at < now() - make_interval(secs => $2)
ORDER BY created_at, event_id LIMIT $3
"""
_PURGE = """
DELETE FROM outbox WHERE event_id IN (
  SELECT event_id FROM outbox WHERE published_at < now() - make_interval(secs => $1) ORDER BY published_at LIMIT $2
)
"""


class OutboxTransaction(PgConnection):
    """A transaction that also says what happened; its events are published only if it commits."""

    def __init__(self, connection: PgConnection) -> None:
        super().__init__(connection._raw, connection._client)
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Recorded with the transaction's last statement."""
        self.events.append(event)


class PostgresOutbox:
    """Records events with the change itself, publishes them after the commit, and sweeps what a crash left."""

    def __init__(self, pg: Postgres, producer: Sender, service: str, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._pg = pg
        self._service = service
        self._grace = grace_seconds
        self._publisher = BackgroundPublisher(producer, self._mark)
        self._purge_at = 0.0

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation = "read_committed", *, locks: Collection[int] = (), patience: float | None = None
    ) -> AsyncIterator[OutboxTransaction]:
        """Commits the change and its events together, then publishes them in the background."""
        async with self._pg.transaction(isolation, locks=locks, patience=patience) as connection:
            unit = OutboxTransaction(connection)
            yield unit
            await self.add_all(connection, unit.events)
        self.publish_soon(unit.events)

    async def add(self, tx: PgConnection, event: Event) -> None:
        """Records an event in the caller's transaction; the caller hands it to `publish_soon` after the commit."""
        await self.add_all(tx, [event])

    async def add_all(self, tx: PgConnection, events: Sequence[Event]) -> None:
        """The same for several, in one round trip."""
        if len(events) == 1:
            await tx.execute("outbox_insert", _INSERT, *_row(events[0]))
        elif events:
            await tx.executemany("outbox_insert", _INSERT, [_row(event) for event in events])

    def publish_soon(self, events: Sequence[Event]) -> None:
        """After the commit only: an event that is published is never taken back."""
        self._publisher.submit(events)

    async def drain(self) -> None:
        """Waits until what was handed over is published, or left to the relay."""
        await self._publisher.drain()

    async def sweep(self, sender: Sender) -> int:
        """Publishes what no process has within two seconds of its making; returns how many.

        A shard is leased by a transaction's lock, so that replicas share the work, and a dead one holds nothing.
        """
        async with self._pg.read(primary=True) as connection:
            shards = await connection.fetch("outbox_left_shards", _LEFT_SHARDS, self._grace)
        swept = sum([await self._sweep_shard(row["shard"], sender) for row in shards])
        await self._purge()
        return swept

    async def release(self) -> None:
        """Nothing is held between sweeps."""

    async def _sweep_shard(self, shard: int, sender: Sender) -> int:
        async with self._pg.transaction() as tx:
            if not await tx.fetchval("outbox_lock", _LOCK, LOCK_NAMESPACE, shard):
                return 0
            rows = await tx.fetch("outbox_left", _LEFT, shard, self._grace, SWEEP_ROWS)
            events = [self._event(row) for row in rows]
            if events:
                async with asyncio.timeout(SWEEP_SEND_SECONDS):
                    await sender.send_all(events)
                await tx.execute("outbox_mark", _MARK, _ids(events))
        return len(events)

    async def _mark(self, events: Sequence[Event]) -> None:
        await self._pg.execute("outbox_mark", _MARK, _ids(events))

    async def _purge(self) -> None:
        """Published rows are kept a day for whoever asks what was sent."""
        now = time.monotonic()
        if now < self._purge_at:
            return
        self._purge_at = now + PURGE_EVERY_SECONDS
        await self._pg.execute("outbox_purge", _PURGE, float(KEEP_SECONDS), PURGE_ROWS)

    def _event(self, row: asyncpg.Record) -> Event:
        return Event(
            event_id=str(row["event_id"]),
            type=row["type"],
            topic=row["topic"],
            key=row["key"],
            aggregate_id=row["aggregate_id"],
            version=row["version"],
            occurred_at=row["created_at"],
            payload=row["payload"],
            traceparent=row["traceparent"],
            source=self._service,
        )


def _row(event: Event) -> tuple[object, ...]:
    return (
        UUID(event.event_id),
        # By key, so that one sweeper sends an aggregate's events in their order.
        crc32(event.key.encode()) % SHARDS,
        event.occurred_at,
        event.topic,
        event.key,
        event.type,
        event.aggregate_id,
        event.version,
        event.payload,
        event.traceparent,
    )


def _ids(events: Sequence[Event]) -> list[UUID]:
    return [UUID(event.event_id) for event in events]
