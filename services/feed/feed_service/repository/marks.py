"""What readers did with others' posts, in CQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from feed_service.models import Mark, MarkChange, MarkKind
from rookery_common.clients.cassandra import Cql

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mark_put": (
            "INSERT INTO marks_by_reader (reader_id, mark_id, kind, author_id, active)"
            " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "mark_forget": "DELETE FROM marks_by_reader WHERE reader_id = ?",
        "mark_list": "SELECT mark_id, kind, author_id, active FROM marks_by_reader WHERE reader_id = ? LIMIT ?",
    }
)


class MarkRepository:
    """Marks as they are now: an older version, or the same once more, changes nothing."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def put(self, changes: Sequence[MarkChange]) -> None:
        """All of them, in any order."""
        await self._cql.many(
            "mark_put",
            [
                (each.reader_id, each.mark.mark_id, int(each.mark.kind), each.mark.author_id, each.active, each.version)
                for each in changes
            ],
        )

    async def newest(self, reader_id: int, limit: int) -> list[Mark]:
        """Of the last `limit` posts that the reader did something with, what still holds."""
        rows = await self._cql.execute("mark_list", (reader_id, limit))
        return [Mark(row.mark_id, row.author_id, MarkKind(row.kind)) for row in rows if row.active]

    async def forget(self, reader_id: int) -> None:
        """All of a reader's."""
        await self._cql.execute("mark_forget", (reader_id,))
