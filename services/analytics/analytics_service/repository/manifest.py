"""The archive's manifest in CQL: which stored file holds which offsets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final

from analytics_service.models import ArchiveFile
from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clock import Clock

PAGE_FILES: Final = 500
MAX_PARTITIONS: Final = 10_000

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "archive_until": "SELECT archived_until FROM archive_files WHERE topic = ? AND kafka_partition = ? LIMIT 1",
        "archive_move": (
            "UPDATE archive_files SET archived_until = ? WHERE topic = ? AND kafka_partition = ? IF archived_until = ?"
        ),
        "archive_add": (
            "INSERT INTO archive_files (topic, kafka_partition, first_offset, last_offset, events, bytes, sha256,"
            " object_key, stored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ),
        "archive_list": (
            "SELECT topic, kafka_partition, first_offset, last_offset, events, bytes, sha256, object_key"
            " FROM archive_files WHERE topic = ? AND kafka_partition = ? AND first_offset >= ? LIMIT ?"
        ),
        "archive_partitions": "SELECT DISTINCT topic, kafka_partition FROM archive_files LIMIT ?",
    }
)


class Manifest:
    """Names the files that make up the archive; what it does not name is the leftover of a crash."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def until(self, topic: str, partition: int) -> int | None:
        """The offset after the last archived event; None before the first file. Sees what is being decided now."""
        rows = await self._cql.execute("archive_until", (topic, partition), serial=True)
        return rows[0].archived_until if rows else None

    async def enter(self, file: ArchiveFile, until: int | None) -> bool:
        """A stored file, if the partition's archive still ends at `until`; else somebody was faster."""
        moved = (file.last_offset + 1, file.topic, file.partition, until)
        row = (
            file.topic,
            file.partition,
            file.first_offset,
            file.last_offset,
            file.events,
            file.bytes,
            file.sha256,
            file.object_key,
            self._clock.now(),
        )
        applied, _ = await self._cql.batch_conditional([("archive_move", moved), ("archive_add", row)])
        return applied

    async def partitions(self) -> list[tuple[str, int]]:
        """All that have ever been archived, by topic and number."""
        rows = await self._cql.execute("archive_partitions", (MAX_PARTITIONS,))
        return sorted((row.topic, row.kafka_partition) for row in rows)

    async def files(self, topic: str, partition: int) -> AsyncIterator[ArchiveFile]:
        """The manifest's entries, in the order of their offsets."""
        first = 0
        while True:
            rows = await self._cql.execute("archive_list", (topic, partition, first, PAGE_FILES))
            for row in rows:
                yield _file(row)
            if len(rows) < PAGE_FILES:
                return
            first = rows[-1].last_offset + 1


def _file(row: Row) -> ArchiveFile:
    return ArchiveFile(
        topic=row.topic,
        partition=row.kafka_partition,
        first_offset=row.first_offset,
        last_offset=row.last_offset,
        events=row.events,
        bytes=row.bytes,
        sha256=row.sha256,
        object_key=row.object_key,
    )
