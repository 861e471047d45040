"""Whether the archive holds what its manifest says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from analytics_service.errors import ArchiveDamaged
from analytics_service.models import ArchiveFile
from analytics_service.repository.manifest import Manifest
from rookery_common.errors import NotFound

SHOWN_PROBLEMS = 20
Read = Callable[[str, str], Awaitable[Sequence[int] | None]]


@dataclass
class _Count:
    files: int = 0
    events: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


class ArchiveCheck:
    """Reads every file back; `read` gives the offsets in the one of a key, None if its digest is another."""

    def __init__(self, manifest: Manifest, read: Read) -> None:
        self._manifest = manifest
        self._read = read

    async def report(self) -> str:
        """A line for each topic. Raises ArchiveDamaged, naming the files that are."""
        topics: dict[str, _Count] = {}
        for topic, partition in await self._manifest.partitions():
            await self._check(topic, partition, topics.setdefault(topic, _Count()))
        problems = [problem for count in topics.values() for problem in count.problems]
        if problems:
            raise ArchiveDamaged("; ".join(problems[:SHOWN_PROBLEMS]) + f" ({len(problems)} in all)")
        lines = [
            f"{topic}: {count.events} events in {count.files} files, {count.bytes} bytes"
            for topic, count in topics.items()
        ]
        return "\n".join([*lines, f"{sum(count.events for count in topics.values())} events, all files are whole"])

    async def _check(self, topic: str, partition: int, count: _Count) -> None:
        until = 0
        async for file in self._manifest.files(topic, partition):
            if file.first_offset < until:
                count.problems.append(f"{file.object_key} holds what a file before it holds")
            until = file.last_offset + 1
            problem = await self._problem(file)
            if problem:
                count.problems.append(f"{file.object_key} {problem}")
            count.files += 1
            count.events += file.events
            count.bytes += file.bytes

    async def _problem(self, file: ArchiveFile) -> str:
        """Empty for a file as it should be."""
        try:
            found = await self._read(file.object_key, file.sha256)
        except NotFound:
            return "is missing"
        if found is None:
            return "is not what was stored"
        if len(found) != file.events or (found[0], found[-1]) != (file.first_offset, file.last_offset):
            return "does not hold its offsets"
        return ""
