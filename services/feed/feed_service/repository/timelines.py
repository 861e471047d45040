"""Timelines in CQL: the whole of what was delivered in the last month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from feed_service.models import HISTORY_DAYS, Delivery, Entry, Reason
from feed_service.placement import DAY_MS, reader_shard, seconds_to_live, time_bucket
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clients.cql_partitions import put_partitions
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID

# Rows of one partition in a batch: beyond this a batch costs no less per row, and engines begin to warn.
BATCH_ROWS: Final = 200
_SCOPE: Final = "home"

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timeline_insert": (
            "INSERT INTO timelines (reader_shard, time_bucket, reader_id, entry_id, author_id, reason)"
            " VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
        ),
        "timeline_older": (
            "SELECT entry_id, author_id, reason FROM timelines WHERE reader_shard = ? AND time_bucket = ?"
            " AND reader_id = ? AND entry_id < ? AND entry_id > ? LIMIT ?"
        ),
        "timeline_newer": (
            "SELECT entry_id, author_id, reason FROM timelines WHERE reader_shard = ? AND time_bucket = ?"
            " AND reader_id = ? AND entry_id < ? AND entry_id > ? ORDER BY reader_id DESC, entry_id ASC LIMIT ?"
        ),
        "timeline_forget": "DELETE FROM timelines WHERE reader_shard = ? AND time_bucket = ? AND reader_id = ?",
        "timeline_shards_list": (
            "SELECT time_bucket, shards FROM timeline_shards WHERE scope = ? AND time_bucket >= ? LIMIT 100"
        ),
        "timeline_shards_set": (
            "INSERT INTO timeline_shards (scope, time_bucket, shards) VALUES (?, ?, ?) IF NOT EXISTS"
        ),
    }
)


class TimelineRepository:
    """Writes deliveries in batches of one partition each, and reads slices of one reader."""

    def __init__(self, cql: Cql, clock: Clock, shards: int) -> None:
        self._cql = cql
        self._clock = clock
        self._shards = _ShardCounts(cql, shards)

    async def add(self, deliveries: Iterable[Delivery]) -> None:
        """All of them, in any order; once more changes nothing. What is older than the history is left out. Raises
        Unavailable."""
        partitions = await self._partitions(deliveries)
        await put_partitions(self._cql, "timeline_insert", partitions.values(), rows_at_once=BATCH_ROWS)

    async def older(self, reader_id: int, below: int, above: int, limit: int) -> list[Entry]:
        """Newest first, between the exclusive bounds. Fewer than `limit` means that there are no more."""
        days = await self._days(below, above)
        return await self._walk("timeline_older", days[::-1], reader_id, (below, above), limit)

    async def newer(self, reader_id: int, below: int, above: int, limit: int) -> list[Entry]:
        """The same from the lower bound: those just above it, oldest first."""
        days = await self._days(below, above)
        return await self._walk("timeline_newer", days, reader_id, (below, above), limit)

    async def forget(self, reader_id: int) -> None:
        """All that was delivered to a reader; what is on its way now expires in a month."""
        days = await self._days(MAX_ID, 0)
        keys = [(reader_shard(reader_id, self._shards.known(day)), day, reader_id) for day in days]
        await self._cql.many("timeline_forget", keys)

    async def _partitions(self, deliveries: Iterable[Delivery]) -> dict[tuple[int, int], list[Args]]:
        now_ms = self._clock.unix_ms()
        partitions: dict[tuple[int, int], list[Args]] = {}
        for reader_id, entry in deliveries:
            ttl = seconds_to_live(entry.entry_id, now_ms)
            if ttl <= 0:
                continue
            bucket = time_bucket(entry.entry_id)
            shards = self._shards.known(bucket) or await self._shards.settle(bucket)
            shard = reader_shard(reader_id, shards)
            row = (shard, bucket, reader_id, entry.entry_id, entry.author_id, int(entry.reason), ttl)
            partitions.setdefault((shard, bucket), []).append(row)
        return partitions

    async def _days(self, below: int, above: int) -> list[int]:
        """The days between the bounds that have any rows, oldest first."""
        today = self._clock.unix_ms() // DAY_MS
        first = max(today - HISTORY_DAYS, time_bucket(above))
        return await self._shards.begun(first, min(today + 1, time_bucket(below)))

    async def _walk(
        self, statement: str, days: Sequence[int], reader_id: int, bounds: tuple[int, int], limit: int
    ) -> list[Entry]:
        """Day after day, twice as many at each step: an active reader's page costs one read, a quiet one's few."""
        found: list[Entry] = []
        start, width = 0, 1
        while start < len(days) and len(found) < limit:
            keys = [
                (reader_shard(reader_id, self._shards.known(day)), day, reader_id, *bounds, limit - len(found))
                for day in days[start : start + width]
            ]
            for rows in await self._cql.many(statement, keys):
                found += [Entry(row.entry_id, row.author_id, Reason(row.reason)) for row in rows]
            start, width = start + width, width * 2
        return found[:limit]


class _ShardCounts:
    """How many partitions each day has: decided once, by whoever writes the first row of it."""

    def __init__(self, cql: Cql, shards: int) -> None:
        self._cql = cql
        self._shards = shards
        self._known: dict[int, int] = {}

    def known(self, bucket: int) -> int:
        """0 when it is not known yet."""
        return self._known.get(bucket, 0)

    async def settle(self, bucket: int) -> int:
        """The day's number, decided now if nobody has."""
        applied, row = await self._cql.execute_conditional("timeline_shards_set", (_SCOPE, bucket, self._shards))
        self._known[bucket] = self._shards if applied or row is None else row.shards
        return self._known[bucket]

    async def begun(self, first: int, last: int) -> list[int]:
        """The days from the first to the last that have a number, in order.

        That a day has none is never remembered: its first row may come now, and whoever fills a window must see it.
        """
        days = range(first, last + 1)
        if any(day not in self._known for day in days):
            rows = await self._cql.execute("timeline_shards_list", (_SCOPE, first))
            self._known.update((row.time_bucket, row.shards) for row in rows)
        return [day for day in days if day in self._known]
