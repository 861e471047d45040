"""Reading a list: what some of those whom the reader follows have in the reader's home."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from feed_service.errors import TooManyAuthors, WrongLimit
from feed_service.models import MAX_LIST_AUTHORS, MAX_PAGE, Entry, Following, Found, ListPage, PageQuery, Span
from feed_service.repository.follows import FollowRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.service.merged import MergedHomes
from feed_service.service.older import OlderEntries, read_both
from feed_service.service.returns import Returns

# Rows of the home read at a time, and in all for one page: what lies beyond is the next page's.
SCAN_ROWS: Final = 400
MAX_SCAN_ROWS: Final = 4_000


class ListReader:
    """Pages of lists, without what their reader does not follow now."""

    def __init__(
        self,
        timelines: TimelineRepository,
        follows: FollowRepository,
        merged: MergedHomes,
        older: OlderEntries,
        returns: Returns,
    ) -> None:
        self._timelines = timelines
        self._follows = follows
        self._merged = merged
        self._older = older
        self._returns = returns

    async def page(self, reader_id: int, authors: AbstractSet[int], page: PageQuery) -> ListPage:
        """At most `page.limit` entries of these authors. Raises WrongLimit, TooManyAuthors."""
        if not 1 <= page.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        if len(authors) > MAX_LIST_AUTHORS:
            raise TooManyAuthors(MAX_LIST_AUTHORS)
        if self._returns.unknown([reader_id]):
            await self._returns.welcome(reader_id)
        await self._merged.refresh()
        following = await self._follows.following(reader_id)
        wanted = Following(following.authors & authors, following.without_reblogs & authors)
        delivered, reached_id = await self._delivered(reader_id, wanted, page)
        merged = await self._merged_above(wanted, page, reached_id)
        entries = {entry.entry_id: entry for entry in (*merged, *delivered)}
        ordered = [entries[key] for key in sorted(entries, reverse=not page.upwards)]
        if len(ordered) > page.limit:
            ordered = ordered[: page.limit]
            reached_id = ordered[-1].entry_id
        return ListPage(ordered[::-1] if page.upwards else ordered, reached_id)

    async def _merged_above(self, wanted: Following, page: PageQuery, reached_id: int) -> list[Entry]:
        """What is merged of the list's authors, as far as what is delivered was read."""
        followed = self._merged.among(wanted).following
        low = reached_id if reached_id and not page.upwards else page.low
        found = await self._merged.entries(followed, page, low)
        if reached_id and page.upwards:
            return [entry for entry in found if entry.entry_id <= reached_id]
        return found

    async def _delivered(self, reader_id: int, wanted: Following, page: PageQuery) -> tuple[list[Entry], int]:
        """What the reader's home has of the list's authors, in the page's direction, and how far it was read (0: to its
        end)."""
        if not wanted.authors:
            return [], 0

        async def stored(part: Span, most: int) -> Found:
            return await self._scan(reader_id, wanted, part, most)

        async def older(part: Span, most: int) -> Found:
            return await self._older.read(reader_id, wanted, part, most)

        span = Span(page.low, page.high, page.upwards)
        found = await read_both(span, self._returns.begins(reader_id), page.limit + 1, stored, older)
        if len(found.entries) > page.limit:
            return found.entries[: page.limit], found.entries[page.limit - 1].entry_id
        return found.entries, found.reached_id

    async def _scan(self, reader_id: int, wanted: Following, span: Span, most: int) -> Found:
        """Of what is stored."""
        kept, scanned = list[Entry](), 0
        read = self._timelines.newer if span.upwards else self._timelines.older
        while True:
            rows = await read(reader_id, span.below, span.above, SCAN_ROWS)
            scanned += len(rows)
            kept += [row for row in rows if row.author_id in wanted.authors and wanted.shows(reader_id, row)]
            if len(kept) >= most:
                return Found(kept[:most])
            if len(rows) < SCAN_ROWS:
                return Found(kept)
            if scanned >= MAX_SCAN_ROWS:
                return Found(kept, rows[-1].entry_id)
            span = span.beyond(rows[-1].entry_id)
