"""Reading a list: what some of those whom the reader follows have in the reader's stored home."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from feed_service.errors import TooManyAuthors, WrongLimit
from feed_service.models import MAX_LIST_AUTHORS, MAX_PAGE, Entry, ListPage, PageQuery
from feed_service.repository.follows import FollowRepository
from feed_service.repository.timelines import TimelineRepository

# Rows of the home read at a time, and in all for one page: what lies beyond is the next page's.
SCAN_ROWS: Final = 400
MAX_SCAN_ROWS: Final = 4_000


class ListReader:
    """Pages of lists, without what their reader does not follow now."""

    def __init__(self, timelines: TimelineRepository, follows: FollowRepository) -> None:
        self._timelines = timelines
        self._follows = follows

    async def page(self, reader_id: int, authors: AbstractSet[int], page: PageQuery) -> ListPage:
        """At most `page.limit` entries of these authors. Raises WrongLimit, TooManyAuthors."""
        if not 1 <= page.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        if len(authors) > MAX_LIST_AUTHORS:
            raise TooManyAuthors(MAX_LIST_AUTHORS)
        following = await self._follows.following(reader_id)
        wanted = following.authors & authors
        low, high, kept, scanned = page.low, page.high, list[Entry](), 0
        while wanted:
            read = self._timelines.newer if page.upwards else self._timelines.older
            rows = await read(reader_id, high, low, SCAN_ROWS)
            scanned += len(rows)
            kept += [row for row in rows if row.author_id in wanted and following.shows(reader_id, row)]
            if len(kept) > page.limit:
                return _page(page, kept[: page.limit], kept[page.limit - 1].entry_id)
            if len(rows) < SCAN_ROWS:
                break
            if scanned >= MAX_SCAN_ROWS:
                return _page(page, kept, rows[-1].entry_id)
            low, high = (rows[-1].entry_id, high) if page.upwards else (low, rows[-1].entry_id)
        return _page(page, kept, 0)


def _page(page: PageQuery, entries: list[Entry], reached_id: int) -> ListPage:
    return ListPage(entries[::-1] if page.upwards else entries, reached_id)
