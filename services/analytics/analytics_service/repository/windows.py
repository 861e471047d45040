"""Windows in CQL. A row only ever moves forward: the offset that it counts up to is its write's timestamp."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from analytics_service.models import DISTINCT, Measure, Observation, Tally, Width, Window
from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clock import Clock

PARTITION_WINDOWS: Final = 60
# Sources times windows of a partition, with much to spare.
MAX_ROWS: Final = 50_000
EVENT_SHARDS: Final = 8
MINUTE_MS: Final = 60_000
# Of one partition in a read or a write.
BATCH_EVENTS: Final = 100

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "window_get": (
            "SELECT value, last_offset, members FROM measure_windows"
            " WHERE measure = ? AND width = ? AND span = ? AND start = ? AND source = ?"
        ),
        "window_set": (
            "INSERT INTO measure_windows (measure, width, span, start, source, value, last_offset)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        ),
        "window_set_distinct": (
            "INSERT INTO measure_windows (measure, width, span, start, source, value, last_offset, members)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        ),
        "window_list": (
            "SELECT start, value, members FROM measure_windows"
            " WHERE measure = ? AND width = ? AND span = ? AND start >= ? AND start <= ? LIMIT ?"
        ),
        "counted_list": (
            "SELECT event_id, source, kafka_offset FROM counted_events WHERE shard = ? AND bucket = ? AND event_id IN ?"
        ),
        "counted_add": (
            "INSERT INTO counted_events (shard, bucket, event_id, source, kafka_offset) VALUES (?, ?, ?, ?, ?)"
        ),
    }
)

Slot = tuple[Window, str]
Bucket = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """What one source added to a window."""

    number: int
    value: int
    members: bytes


class WindowRepository:
    """Reads and writes what sources add to windows."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def tallies(self, slots: Sequence[Slot]) -> dict[Slot, Tally]:
        """What is there of each; an empty tally where there is nothing yet."""
        found = await self._cql.many("window_get", [_key(slot) for slot in slots])
        return {slot: _tally(rows[0]) if rows else Tally() for slot, rows in zip(slots, found, strict=True)}

    async def put(self, tallies: Mapping[Slot, Tally]) -> None:
        """All of them; one that counts less than what is there changes nothing."""
        now = self._clock.unix_ms() // 1000
        plain, distinct = [], []
        for slot, tally in tallies.items():
            window = slot[0]
            using = (tally.last_offset + 1, window.seconds_to_live(now))
            if window.measure in DISTINCT:
                distinct.append((*_key(slot), tally.value, tally.last_offset, tally.members, *using))
            else:
                plain.append((*_key(slot), tally.value, tally.last_offset, *using))
        await self._cql.many("window_set", plain)
        await self._cql.many("window_set_distinct", distinct)

    async def list(self, measure: Measure, width: Width, first: int, last: int) -> list[Counted]:
        """All that was added to the windows from the first to the last."""
        start, end = Window(measure, width, first).start, Window(measure, width, last).start
        spans = range(first // PARTITION_WINDOWS, last // PARTITION_WINDOWS + 1)
        asked = [(measure.value, int(width), span, start, end, MAX_ROWS) for span in spans]
        parts = await self._cql.many("window_list", asked)
        return [
            Counted(int(row.start.replace(tzinfo=UTC).timestamp()) // width, row.value, row.members or b"")
            for part in parts
            for row in part
        ]


class CountedEvents:
    """Where each event was seen first."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def places(self, observations: Iterable[Observation]) -> dict[str, tuple[str, int]]:
        """Source and offset by the event's id, of those that were seen before."""
        asked = [(*bucket, [UUID(found.event_id) for found in part]) for bucket, part in _parts(observations)]
        rows = await self._cql.many("counted_list", asked)
        return {str(row.event_id): (row.source, row.kafka_offset) for part in rows for row in part}

    async def add(self, observations: Iterable[Observation]) -> None:
        """Remembers them until Kafka has long forgotten them."""
        batches = [
            [("counted_add", (*bucket, UUID(found.event_id), found.source, found.offset)) for found in part]
            for bucket, part in _parts(observations)
        ]
        await asyncio.gather(*(self._cql.batch(batch, logged=False) for batch in batches))


def _parts(observations: Iterable[Observation]) -> Iterator[tuple[Bucket, Sequence[Observation]]]:
    """By partition, some at a time."""
    buckets: dict[Bucket, list[Observation]] = {}
    for found in observations:
        buckets.setdefault(_bucket(UUID(found.event_id)), []).append(found)
    for bucket, found_there in buckets.items():
        for first in range(0, len(found_there), BATCH_EVENTS):
            yield bucket, found_there[first : first + BATCH_EVENTS]


def _bucket(event_id: UUID) -> Bucket:
    """By the id alone, since an event that is told again may have another time."""
    low = event_id.int & 0xFFFFFFFF
    if event_id.version == 7:
        return low % EVENT_SHARDS, (event_id.int >> 80) // MINUTE_MS
    return EVENT_SHARDS, low


def _key(slot: Slot) -> tuple[str, int, int, datetime, str]:
    window, source = slot
    return window.measure.value, int(window.width), window.number // PARTITION_WINDOWS, window.start, source


def _tally(row: Row) -> Tally:
    return Tally(row.value, row.last_offset, row.members or b"")
