"""Reading a home: from the reader's window where there is one, else from CQL, which also fills it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from feed_service.errors import WrongLimit
from feed_service.metrics import HOME_READS
from feed_service.models import MAX_PAGE, Entry, Following, HomePage, PageQuery
from feed_service.repository.follows import FollowRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import WINDOW_ENTRIES, Missing, WindowPage, WindowQuery, WindowRepository
from feed_service.service.merged import MergedHomes
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

# Rows read at a time, and in all before a page is answered short (but never empty): entries of authors who are no
# longer followed are still stored.
SCAN_ROWS: Final = 200
MAX_SCAN_ROWS: Final = 4_000
log = get_logger()


class HomeReader:
    """Pages of homes, without what their reader does not follow now, and with what is merged into them."""

    def __init__(
        self,
        windows: WindowRepository,
        timelines: TimelineRepository,
        follows: FollowRepository,
        merged: MergedHomes,
    ) -> None:
        self._windows = windows
        self._timelines = timelines
        self._follows = follows
        self._merged = merged

    async def pages(self, asked: Sequence[tuple[int, PageQuery]]) -> list[HomePage | AppError]:
        """One answer for each (reader, query), in order. All windows are read by one call; the rest come from CQL."""
        sound = [WindowQuery(reader_id, page, page.limit + 1) for reader_id, page in asked if _is_sound(page)]
        found = dict(zip(sound, await self._read_windows(sound), strict=True))

        async def answer(reader_id: int, page: PageQuery) -> HomePage | AppError:
            if not _is_sound(page):
                return WrongLimit(MAX_PAGE)
            query = WindowQuery(reader_id, page, page.limit + 1)
            try:
                return await self._answer(query, found[query])
            except AppError as error:
                return error

        return await asyncio.gather(*(answer(reader_id, page) for reader_id, page in asked))

    async def newest(self, reader_id: int, most: int, page: PageQuery) -> Sequence[Entry]:
        """As a page of at most `most`, between the bounds of this one: more than a page has. Raises AppError."""
        query = WindowQuery(reader_id, replace(page, limit=most), most + 1)
        (found,) = await self._read_windows([query])
        return (await self._answer(query, found)).entries

    async def warm(self, reader_id: int) -> None:
        """Fills the reader's window where it is missing, as the first read would. Raises Unavailable."""
        await self._merged.refresh()
        await asyncio.gather(self._fill_following(reader_id), self._fill_window(reader_id))

    async def _read_windows(self, queries: Sequence[WindowQuery]) -> list[WindowPage | Missing | None]:
        if not queries:
            return []
        await self._merged.refresh()
        try:
            return [*await self._windows.read(queries)]
        except RedisUnavailable as error:
            log.warning("home.windows_away", reason=error.reason)
            return [None] * len(queries)

    async def _answer(self, query: WindowQuery, found: WindowPage | Missing | None) -> HomePage:
        if found is None:
            return await self._stored(query)
        if isinstance(found, WindowPage):
            return await self._from_window(query, found, "window")
        return await self._filled(query)

    async def _filled(self, query: WindowQuery) -> HomePage:
        """Fills what is missing, then reads again; where that fails, answers from what was stored."""
        try:
            await asyncio.gather(self._fill_following(query.reader_id), self._fill_window(query.reader_id))
            (found,) = await self._windows.read([query])
        except RedisUnavailable as error:
            log.warning("home.not_filled", reason=error.reason)
            return await self._stored(query)
        if isinstance(found, WindowPage):
            return await self._from_window(query, found, "filled")
        return await self._stored(query)

    async def _fill_following(self, reader_id: int) -> None:
        """Only what is read after the token was taken may be kept under it."""
        token = await self._windows.begin_following(reader_id)
        if token:
            following = await self._follows.following(reader_id)
            await self._windows.finish_following(reader_id, token, following, self._merged.among(following))

    async def _fill_window(self, reader_id: int) -> None:
        token = await self._windows.begin_fill(reader_id)
        if token:
            entries = await self._timelines.older(reader_id, MAX_ID, 0, WINDOW_ENTRIES)
            floor = entries[-1].entry_id if len(entries) == WINDOW_ENTRIES else 0
            await self._windows.finish_fill(reader_id, token, entries, floor)

    async def _from_window(self, query: WindowQuery, found: WindowPage, source: str) -> HomePage:
        """The window's page if that is all there is to it, else with what CQL has below the window."""
        page, entries = query.page, found.entries
        reaches_down = page.low + 1 >= found.floor
        is_full = len(entries) >= query.wanted and not page.upwards
        if reaches_down or is_full:
            followed = await self._merged.followed(query.reader_id, found.merged)
            if followed is None:
                return await self._stored(query)
            HOME_READS.labels(source).inc()
            return await self._merged.join(page, _page(page, entries), followed)
        if page.upwards:
            return await self._stored(query)
        following = await self._follows.following(query.reader_id)
        below = min(found.floor, page.high)
        HOME_READS.labels("below_window").inc()
        older, cut = await self._scan(query, following, below, query.wanted - len(entries))
        return await self._joined(page, _page(page, [*entries, *older], cut=cut), following)

    async def _stored(self, query: WindowQuery) -> HomePage:
        HOME_READS.labels("stored").inc()
        following = await self._follows.following(query.reader_id)
        entries, cut = await self._scan(query, following, query.page.high, query.wanted)
        return await self._joined(query.page, _page(query.page, entries, cut=cut), following)

    async def _joined(self, page: PageQuery, home: HomePage, following: Following) -> HomePage:
        return await self._merged.join(page, home, self._merged.among(following).following)

    async def _scan(
        self, query: WindowQuery, following: Following, below: int, wanted: int
    ) -> tuple[list[Entry], bool]:
        """Stored entries that are shown, in the query's direction; True when it stopped before it was known whether
        there are more."""
        low, kept, scanned = query.page.low, list[Entry](), 0
        while True:
            if query.page.upwards:
                rows = await self._timelines.newer(query.reader_id, below, low, SCAN_ROWS)
            else:
                rows = await self._timelines.older(query.reader_id, below, low, SCAN_ROWS)
            kept += [entry for entry in rows if following.shows(query.reader_id, entry)]
            scanned += len(rows)
            if len(kept) >= wanted or len(rows) < SCAN_ROWS:
                return kept[:wanted], False
            if kept and scanned >= MAX_SCAN_ROWS:
                return kept, True
            if query.page.upwards:
                low = rows[-1].entry_id
            else:
                below = rows[-1].entry_id


def _is_sound(page: PageQuery) -> bool:
    return 1 <= page.limit <= MAX_PAGE


def _page(page: PageQuery, entries: Sequence[Entry], *, cut: bool = False) -> HomePage:
    """One more than the limit was asked for, which tells whether there is more."""
    shown = entries[: page.limit]
    return HomePage(shown[::-1] if page.upwards else shown, cut or len(entries) > page.limit)
