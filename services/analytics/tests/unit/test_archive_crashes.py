from __future__ import annotations

from collections.abc import Callable

import pytest

from analytics_service.models import ArchivedEvent
from analytics_service.repository import manifest as manifest_module
from analytics_service.repository.files import FileStore, Stored
from analytics_service.repository.manifest import Manifest
from analytics_service.service import archiving as archiving_module
from analytics_service.service.archiving import Archiving
from rookery_common.testing.crash import crash_at

MAX_LINES = 400


class Memory(FileStore):
    """Keys of what was stored."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def store(self, files):  # type: ignore[no-untyped-def]  # as in FileStore
        self.keys |= set(files)
        return {key: Stored(1, "") for key in files}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # some die before they have begun
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_crash_at_any_line_leaves_every_event_in_one_stored_file(
    manifest: Manifest, row: Callable[..., ArchivedEvent]
) -> None:
    store = Memory()
    for line in range(1, MAX_LINES):
        partition = line
        async with crash_at(line, archiving_module, manifest_module) as point:
            await Archiving(manifest, store).add([row(offset, partition=partition) for offset in range(3)])
        await Archiving(manifest, store).add([row(offset, partition=partition) for offset in range(5)])
        files = [file async for file in manifest.files("post.events.v1", partition)]
        assert [(f.first_offset, f.last_offset) for f in files] in ([(0, 2), (3, 4)], [(0, 4)]), f"line {line}"
        assert {file.object_key for file in files} <= store.keys
        if not point.happened:
            break
    assert not point.happened
