"""Posts of authors whose posts are merged into homes when these are read, and since when whose are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from feed_service.models import Entry, Mode, Reason
from feed_service.placement import seconds_to_live
from rookery_common.clients.cassandra import Cql, Row
from rookery_common.clock import Clock

_SCOPE: Final = "home"
_MODES_PER_PAGE: Final = 5_000

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "author_post_put": "INSERT INTO posts_by_author (author_id, entry_id, is_reblog) VALUES (?, ?, ?) USING TTL ?",
        "author_posts_older": (
            "SELECT entry_id, is_reblog FROM posts_by_author"
            " WHERE author_id = ? AND entry_id < ? AND entry_id > ? LIMIT ?"
        ),
        "author_posts_newer": (
            "SELECT entry_id, is_reblog FROM posts_by_author"
            " WHERE author_id = ? AND entry_id < ? AND entry_id > ? ORDER BY entry_id ASC LIMIT ?"
        ),
        "author_posts_forget": "DELETE FROM posts_by_author WHERE author_id = ?",
        "author_modes_list": (
            "SELECT generation, author_id, is_merged, from_ms FROM author_modes"
            " WHERE scope = ? AND generation > ? LIMIT ?"
        ),
        "author_mode_put": (
            "INSERT INTO author_modes (scope, generation, author_id, is_merged, from_ms)"
            " VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
        ),
        "author_mode_forget": "DELETE FROM author_modes WHERE scope = ? AND generation = ?",
    }
)


class AuthorPostRepository:
    """A month of each such author's posts, and the log of modes."""

    def __init__(self, cql: Cql, clock: Clock) -> None:
        self._cql = cql
        self._clock = clock

    async def put(self, entries: Iterable[Entry]) -> None:
        """Once more changes nothing. What is older than the history is left out."""
        now_ms = self._clock.unix_ms()
        rows = [
            (entry.author_id, entry.entry_id, entry.reason is Reason.REBLOG, ttl)
            for entry in entries
            if (ttl := seconds_to_live(entry.entry_id, now_ms)) > 0
        ]
        await self._cql.many("author_post_put", rows)

    async def older(self, author_id: int, below: int, above: int, limit: int) -> list[Entry]:
        """Newest first, between the exclusive bounds. Fewer than `limit` means that there are no more."""
        rows = await self._cql.execute("author_posts_older", (author_id, below, above, limit))
        return [_entry(author_id, row) for row in rows]

    async def newer(self, author_id: int, below: int, above: int, limit: int) -> list[Entry]:
        """The same from the lower bound: those just above it, oldest first."""
        rows = await self._cql.execute("author_posts_newer", (author_id, below, above, limit))
        return [_entry(author_id, row) for row in rows]

    async def forget(self, author_id: int) -> None:
        """All of an author's."""
        await self._cql.execute("author_posts_forget", (author_id,))

    async def modes(self, after: int) -> list[Mode]:
        """All that were decided after that generation, in order."""
        found: list[Mode] = []
        while True:
            last = found[-1].generation if found else after
            rows = await self._cql.execute("author_modes_list", (_SCOPE, last, _MODES_PER_PAGE), serial=True)
            found += [Mode(row.generation, row.author_id, row.is_merged, row.from_ms) for row in rows]
            if len(rows) < _MODES_PER_PAGE:
                return found

    async def decide(self, mode: Mode) -> bool:
        """Appends to the log; False where its generation is another's already."""
        row = (_SCOPE, mode.generation, mode.author_id, mode.is_merged, mode.from_ms)
        applied, _ = await self._cql.execute_conditional("author_mode_put", row)
        return applied

    async def forget_modes(self, generations: Iterable[int]) -> None:
        """Takes out of the log what tells nothing any more; never its last row."""
        await self._cql.many("author_mode_forget", [(_SCOPE, generation) for generation in generations])


def _entry(author_id: int, row: Row) -> Entry:
    return Entry(row.entry_id, author_id, Reason.REBLOG if row.is_reblog else Reason.FOLLOWED_AUTHOR)
