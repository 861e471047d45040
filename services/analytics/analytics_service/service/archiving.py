"""The archive of events: a file holds a run of offsets of one partition, and no offset is in two files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from analytics_service.errors import ArchivedMeanwhile
from analytics_service.metrics import ARCHIVED, ARCHIVED_BYTES
from analytics_service.models import ArchivedEvent, ArchiveFile
from analytics_service.repository.files import FileStore, Stored
from analytics_service.repository.manifest import Manifest


@dataclass(frozen=True, slots=True)
class _Run:
    """What is to be archived of one partition, whose archive ends at `until`."""

    until: int | None
    events: Sequence[ArchivedEvent]

    @property
    def key(self) -> str:
        """Of its offsets: the same name is the same events, whoever stores them and however often."""
        first, last = self.events[0], self.events[-1]
        return f"events/{first.topic}/{first.partition:04d}/{first.offset:020d}-{last.offset:020d}.parquet"


class Archiving:
    """Stores files of events and enters them in the manifest; only then may their offsets be committed.

    Events that are archived already, since they were delivered again or their topic is read anew, are passed over.
    """

    def __init__(self, manifest: Manifest, files: FileStore) -> None:
        self._manifest = manifest
        self._files = files

    async def add(self, events: Sequence[ArchivedEvent]) -> None:
        """All of them. Raises ArchivedMeanwhile, after which trying again finds less left to do; NotStored."""
        partitions: dict[tuple[str, int], dict[int, ArchivedEvent]] = {}
        for event in events:
            partitions.setdefault((event.topic, event.partition), {})[event.offset] = event
        found = await asyncio.gather(*(self._run(*partition, by_offset) for partition, by_offset in partitions.items()))
        runs = [run for run in found if run.events]
        if not runs:
            return
        stored = await self._files.store({run.key: run.events for run in runs})
        entered = await asyncio.gather(*(self._enter(run, stored[run.key]) for run in runs))
        if not all(entered):
            raise ArchivedMeanwhile("another member archives the same partition")

    async def _run(self, topic: str, partition: int, by_offset: dict[int, ArchivedEvent]) -> _Run:
        until = await self._manifest.until(topic, partition)
        return _Run(until, [by_offset[offset] for offset in sorted(by_offset) if offset >= (until or 0)])

    async def _enter(self, run: _Run, stored: Stored) -> bool:
        first, last = run.events[0], run.events[-1]
        file = ArchiveFile(
            topic=first.topic,
            partition=first.partition,
            first_offset=first.offset,
            last_offset=last.offset,
            events=len(run.events),
            bytes=stored.bytes,
            sha256=stored.sha256,
            object_key=run.key,
        )
        if not await self._manifest.enter(file, run.until):
            return False
        ARCHIVED.inc(file.events)
        ARCHIVED_BYTES.inc(file.bytes)
        return True
