"""When readers were last seen, and from where on what is stored of their homes is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from feed_service.models import ReaderState
from rookery_common.clients.cassandra import Cql

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "reader_get": "SELECT seen_day, complete_from FROM readers WHERE reader_id = ?",
        "reader_seen": "INSERT INTO readers (reader_id, seen_day) VALUES (?, ?)",
        "reader_returned": "INSERT INTO readers (reader_id, seen_day, complete_from) VALUES (?, ?, ?)",
        "reader_forget": "DELETE FROM readers WHERE reader_id = ?",
    }
)


class ReaderRepository:
    """A row for each reader."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get(self, reader_id: int) -> ReaderState | None:
        """None for who was never seen."""
        return (await self.get_all([reader_id]))[0]

    async def get_all(self, reader_ids: Sequence[int]) -> list[ReaderState | None]:
        """One for each, in order."""
        found = await self._cql.many("reader_get", [(reader_id,) for reader_id in reader_ids])
        return [ReaderState(rows[0].seen_day, rows[0].complete_from or 0) if rows else None for rows in found]

    async def see(self, reader_ids: Iterable[int], day: int) -> None:
        """They were here on that day."""
        await self._cql.many("reader_seen", [(reader_id, day) for reader_id in reader_ids])

    async def welcome(self, reader_id: int, state: ReaderState) -> None:
        """What was missed is there again."""
        await self._cql.execute("reader_returned", (reader_id, state.seen_day, state.complete_from))

    async def forget(self, reader_id: int) -> None:
        """As if never seen."""
        await self._cql.execute("reader_forget", (reader_id,))
