"""The engines of analytics in memory, by the same rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import pytest

from analytics_service.models import ArchivedEvent, ArchiveFile, Measure, Observation, Tally, Width
from analytics_service.repository.files import FileStore, Stored
from analytics_service.repository.manifest import Manifest
from analytics_service.repository.windows import Counted, CountedEvents, Slot, WindowRepository
from rookery_common.testing import FakeClock


class FakeWindows(WindowRepository):
    """Rows that move forward only."""

    def __init__(self) -> None:
        self.rows: dict[Slot, Tally] = {}

    async def tallies(self, slots: Sequence[Slot]) -> dict[Slot, Tally]:
        return {slot: self.rows.get(slot, Tally()) for slot in slots}

    async def put(self, tallies: Mapping[Slot, Tally]) -> None:
        for slot, tally in tallies.items():
            if tally.last_offset >= self.rows.get(slot, Tally()).last_offset:
                self.rows[slot] = tally

    async def list(self, measure: Measure, width: Width, first: int, last: int) -> list[Counted]:
        return [
            Counted(window.number, tally.value, tally.members)
            for (window, _), tally in self.rows.items()
            if (window.measure, window.width) == (measure, width) and first <= window.number <= last
        ]


class FakeCounted(CountedEvents):
    """Places by event."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, int]] = {}

    async def places(self, observations: Iterable[Observation]) -> dict[str, tuple[str, int]]:
        ids = {found.event_id for found in observations}
        return {event_id: place for event_id, place in self.rows.items() if event_id in ids}

    async def add(self, observations: Iterable[Observation]) -> None:
        for found in observations:
            self.rows[found.event_id] = (found.source, found.offset)


class FakeManifest(Manifest):
    """Entries by partition."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, int], list[ArchiveFile]] = {}

    async def until(self, topic: str, partition: int) -> int | None:
        entries = self.entries.get((topic, partition))
        return entries[-1].last_offset + 1 if entries else None

    async def enter(self, file: ArchiveFile, until: int | None) -> bool:
        if await self.until(file.topic, file.partition) != until:
            return False
        self.entries.setdefault((file.topic, file.partition), []).append(file)
        return True

    async def partitions(self) -> list[tuple[str, int]]:
        return sorted(self.entries)

    async def files(self, topic: str, partition: int) -> AsyncIterator[ArchiveFile]:
        for file in self.entries[topic, partition]:
            yield file


class FakeFiles(FileStore):
    """Files as JSON."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def store(self, files: Mapping[str, Sequence[ArchivedEvent]]) -> dict[str, Stored]:
        for key, events in files.items():
            self.objects[key] = json.dumps([event.offset for event in events]).encode()
        return {key: Stored(len(self.objects[key]), _digest(self.objects[key])) for key in files}

    async def read(self, key: str, sha256: str) -> list[int] | None:
        data = self.objects[key]
        offsets: list[int] = json.loads(data)
        return offsets if _digest(data) == sha256 else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def windows(clock: FakeClock) -> FakeWindows:
    return FakeWindows()


@pytest.fixture
def counted() -> FakeCounted:
    return FakeCounted()


@pytest.fixture
def manifest() -> FakeManifest:
    return FakeManifest()


@pytest.fixture
def files() -> FakeFiles:
    return FakeFiles()
