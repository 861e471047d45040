"""The archive: every event in one file, whoever archives it and however often it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from analytics_service.errors import ArchiveDamaged, ArchivedMeanwhile
from analytics_service.models import ArchivedEvent
from analytics_service.repository.manifest import Manifest
from analytics_service.service.archiving import Archiving
from analytics_service.service.checking import ArchiveCheck

ArchiveRow = Callable[..., ArchivedEvent]
TOPIC = "post.events.v1"


async def _entered(manifest: Manifest, partition: int = 0) -> list[tuple[int, int, int]]:
    return [(file.first_offset, file.last_offset, file.events) async for file in manifest.files(TOPIC, partition)]


async def test_a_file_for_each_partition_is_stored_entered_and_whole(
    archiving: Archiving, manifest: Manifest, files: Any, row: ArchiveRow
) -> None:
    events = [row(offset) for offset in range(5)] + [row(offset, partition=1) for offset in (7, 9)]
    await archiving.add(events)
    await archiving.add([row(5)])
    assert await _entered(manifest) == [(0, 4, 5), (5, 5, 1)]
    assert await _entered(manifest, 1) == [(7, 9, 2)]
    report = await ArchiveCheck(manifest, files.read).report()
    assert report.startswith("post.events.v1: 8 events in 3 files, ")
    assert report.endswith("8 events, all files are whole")


async def test_events_that_are_read_again_are_passed_over(
    archiving: Archiving, manifest: Manifest, row: ArchiveRow
) -> None:
    await archiving.add([row(offset) for offset in range(5)])
    await archiving.add([row(offset) for offset in range(3)])
    await archiving.add([row(offset) for offset in (3, 4, 5, 6, 6, 5)])
    assert await _entered(manifest) == [(0, 4, 5), (5, 6, 2)]


async def test_two_members_with_the_same_partition_archive_nothing_twice(
    manifest: Manifest, files: Any, row: ArchiveRow
) -> None:
    async def archive(upto: int) -> None:
        while True:
            try:
                return await Archiving(manifest, files).add([row(offset) for offset in range(upto)])
            except ArchivedMeanwhile:
                await asyncio.sleep(0)

    await asyncio.gather(archive(5), archive(9), archive(7))
    entered = await _entered(manifest)
    assert sum(count for *_, count in entered) == 9
    assert [first for first, *_ in entered] == [0, *(last + 1 for _, last, _ in entered[:-1])]
    await ArchiveCheck(manifest, files.read).report()


async def test_a_file_that_is_not_what_was_stored_is_named(
    archiving: Archiving, manifest: Manifest, files: Any, row: ArchiveRow
) -> None:
    await archiving.add([row(0), row(1)])

    async def other(_key: str, _sha256: str) -> list[int] | None:
        return None

    async def fewer(key: str, sha256: str) -> list[int] | None:
        return list(await files.read(key, sha256))[1:]

    for read, said in ((other, "is not what was stored"), (fewer, "does not hold its offsets")):
        with pytest.raises(ArchiveDamaged, match=f"{0:020d}-{1:020d}.parquet {said}"):
            await ArchiveCheck(manifest, read).report()
