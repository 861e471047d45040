"""Reading a home: from the reader's window where there is one, else from CQL, which also fills it; what is older than
that comes from the authors' own timelines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from feed_service.errors import WrongLimit
from feed_service.metrics import HOME_READS
from feed_service.models import MAX_PAGE, Entry, Following, Found, HomePage, PageQuery, Span
from feed_service.repository.follows import FollowRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import WINDOW_ENTRIES, Missing, WindowPage, WindowQuery, WindowRepository
from feed_service.service.merged import MergedHomes
from feed_service.service.older import OlderEntries, read_both
from feed_service.service.returns import Returns
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

# Rows read at a time, and in all before a page is answered short (but never empty): entries of authors who are no
# longer followed are still stored.
SCAN_ROWS: Final = 200
MAX_SCAN_ROWS: Final = 4_000
# Of what is older than what is stored, so much is in a window at first.
OLDER_IN_WINDOW: Final = 200
log = get_logger()


class HomeReader:
    """Pages of homes, without what their reader does not follow now, and with what is merged into them."""

    def __init__(
        self,
        windows: WindowRepository,
        timelines: TimelineRepository,
        follows: FollowRepository,
        merged: MergedHomes,
        older: OlderEntries,
        returns: Returns,
    ) -> None:
        self._windows = windows
        self._timelines = timelines
        self._follows = follows
        self._merged = merged
        self._older = older
        self._returns = returns

    async def pages(self, asked: Sequence[tuple[int, PageQuery]]) -> list[HomePage | AppError]:
        """One answer for each (reader, query), in order. All windows are read by one call; the rest come from CQL."""
        failed = await self._welcome([reader_id for reader_id, page in asked if _is_sound(page)])
        answers: list[HomePage | AppError | None] = [
            failed.get(reader_id) if _is_sound(page) else WrongLimit(MAX_PAGE) for reader_id, page in asked
        ]
        queries = {
            place: WindowQuery(reader_id, page, page.limit + 1)
            for place, (reader_id, page) in enumerate(asked)
            if answers[place] is None
        }
        found = dict(zip(queries, await self._read_windows(list(queries.values())), strict=True))
        for place, query in queries.items():
            answers[place] = self._whole(query, found[place])
        # Few need anything else; a task for each of the others would cost more than its page.
        rest = [place for place in queries if answers[place] is None]
        if rest:
            late = await asyncio.gather(*(self._answer_of(queries[place], found[place]) for place in rest))
            for place, answer in zip(rest, late, strict=True):
                answers[place] = answer
        return [answer for answer in answers if answer is not None]

    async def newest(self, reader_id: int, most: int, page: PageQuery) -> Sequence[Entry]:
        """As a page of at most `most`, between the bounds of this one: more than a page has, of what is stored. Raises
        AppError."""
        if self._returns.unknown([reader_id]):
            await self._returns.welcome(reader_id)
        since_id = max(page.since_id, self._returns.begins(reader_id) - 1)
        query = WindowQuery(reader_id, replace(page, limit=most, since_id=since_id), most + 1)
        (found,) = await self._read_windows([query])
        return (await self._answer(query, found)).entries

    async def warm(self, reader_id: int) -> None:
        """Fills the reader's window where it is missing, as the first read would; not of who is to be built anew when
        that read comes. Raises Unavailable."""
        if not await self._returns.look(reader_id):
            return
        await self._merged.refresh()
        await asyncio.gather(self._fill_following(reader_id), self._fill_window(reader_id))

    async def _welcome(self, reader_ids: Sequence[int]) -> dict[int, AppError]:
        """Sees to it that nothing is missing of those who come back, and notes that they are here; of whom it fails."""
        failed: dict[int, AppError] = {}

        async def welcome(reader_id: int) -> None:
            try:
                await self._returns.welcome(reader_id)
            except AppError as error:
                failed[reader_id] = error

        new = self._returns.unknown(reader_ids)
        if new:
            await asyncio.gather(*map(welcome, new))
        return failed

    async def _read_windows(self, queries: Sequence[WindowQuery]) -> list[WindowPage | Missing | None]:
        if not queries:
            return []
        await self._merged.refresh()
        try:
            return [*await self._windows.read(queries)]
        except RedisUnavailable as error:
            log.warning("home.windows_away", reason=error.reason)
            return [None] * len(queries)

    def _whole(self, query: WindowQuery, found: WindowPage | Missing | None) -> HomePage | None:
        """The page, where all of it is in the window and nobody whom its reader follows is merged."""
        if not isinstance(found, WindowPage) or not self._merged.has_nobody(found.merged):
            return None
        entries, _, is_all = self._inside(query, found)
        if not is_all:
            return None
        HOME_READS.labels("window").inc()
        return _page(query.page, entries)

    async def _answer_of(self, query: WindowQuery, found: WindowPage | Missing | None) -> HomePage | AppError:
        try:
            return await self._answer(query, found)
        except AppError as error:
            return error

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
            begins = self._returns.begins(reader_id)
            entries = await self._timelines.older(reader_id, MAX_ID, begins - 1, WINDOW_ENTRIES)
            if len(entries) == WINDOW_ENTRIES:
                floor = entries[-1].entry_id
            else:
                older, floor = await self._older_of_window(reader_id, begins, WINDOW_ENTRIES - len(entries))
                entries += older
            await self._windows.finish_fill(reader_id, token, entries, floor)

    async def _older_of_window(self, reader_id: int, begins: int, most: int) -> tuple[Sequence[Entry], int]:
        """What is older than what is stored, so that a quiet home is read from its window, and down to where that is
        complete: with all reblogs, for whether they are wanted may change."""
        following = await self._follows.following(reader_id)
        everybody = Following(following.authors | {reader_id})
        try:
            stretch = await self._older.merge(reader_id, everybody, Span(0, begins), min(most, OLDER_IN_WINDOW))
        except AppError as error:
            log.warning("home.window_without_older", reason=error.reason)
            return [], begins
        return stretch.entries, stretch.above + 1

    async def _from_window(self, query: WindowQuery, found: WindowPage, source: str) -> HomePage:
        """The window's page if that is all there is to it, else with what is below the window."""
        page = query.page
        entries, floor, is_all = self._inside(query, found)
        if is_all:
            followed = await self._merged.followed(query.reader_id, found.merged)
            if followed is None:
                return await self._stored(query)
            HOME_READS.labels(source).inc()
            return await self._merged.join(page, _page(page, entries), followed)
        if page.upwards:
            return await self._stored(query)
        span = Span(page.low, min(floor, page.high))
        return await self._below(query, entries, span, "below_window")

    def _inside(self, query: WindowQuery, found: WindowPage) -> tuple[list[Entry], int, bool]:
        """The entries of the window, from where it is complete, and whether they are all that the page needs."""
        page = query.page
        # Of one that the release before has filled, and that was not full, it is known only that it has what is stored.
        floor = found.floor or self._returns.begins(query.reader_id)
        entries = found.entries
        if entries and min(entries[0].entry_id, entries[-1].entry_id) < floor:
            entries = [entry for entry in entries if entry.entry_id >= floor]
        is_full = len(entries) >= query.wanted and not page.upwards
        return entries, floor, is_full or page.low + 1 >= floor

    async def _stored(self, query: WindowQuery) -> HomePage:
        page = query.page
        return await self._below(query, [], Span(page.low, page.high, page.upwards), "stored")

    async def _below(self, query: WindowQuery, newer: Sequence[Entry], span: Span, source: str) -> HomePage:
        """The page of which the newest entries are known, with what the span has, wherever that is."""
        reader_id, page = query.reader_id, query.page
        following = await self._follows.following(reader_id)
        everybody = Following(following.authors | {reader_id}, following.without_reblogs)
        sources = [source]

        async def stored(part: Span, wanted: int) -> Found:
            return await self._scan(reader_id, following, part, wanted)

        async def older(part: Span, wanted: int) -> Found:
            sources.append("authors")
            return await self._older.read(reader_id, everybody, part, wanted)

        try:
            found = await read_both(span, self._returns.begins(reader_id), query.wanted - len(newer), stored, older)
        except AppError as error:
            if "authors" not in sources or (page.is_bound and not newer):
                raise
            # Of a home that has nothing newer the first page is empty, as that of somebody who has just come.
            log.warning("home.without_older", reason=error.reason)
            found = Found([], newer[-1].entry_id if newer else 0)
        HOME_READS.labels(sources[-1]).inc()
        home = _page(page, [*newer, *found.entries], cut=found.reached_id > 0)
        return await self._merged.join(page, home, self._merged.among(following).following)

    async def _scan(self, reader_id: int, following: Following, span: Span, wanted: int) -> Found:
        """Stored entries that are shown; cut short when it is long till there are enough."""
        kept, scanned = list[Entry](), 0
        read = self._timelines.newer if span.upwards else self._timelines.older
        while True:
            rows = await read(reader_id, span.below, span.above, SCAN_ROWS)
            kept += [entry for entry in rows if following.shows(reader_id, entry)]
            scanned += len(rows)
            if len(kept) >= wanted:
                return Found(kept[:wanted])
            if len(rows) < SCAN_ROWS:
                return Found(kept)
            if kept and scanned >= MAX_SCAN_ROWS:
                return Found(kept, rows[-1].entry_id)
            span = span.beyond(rows[-1].entry_id)


def _is_sound(page: PageQuery) -> bool:
    return 1 <= page.limit <= MAX_PAGE


def _page(page: PageQuery, entries: Sequence[Entry], *, cut: bool = False) -> HomePage:
    """One more than the limit was asked for, which tells whether there is more."""
    shown = entries[: page.limit]
    return HomePage(shown[::-1] if page.upwards else shown, cut or len(entries) > page.limit)
