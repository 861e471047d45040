"""Readers who come back: what was not delivered to them is built from the authors' own timelines, before they read."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final

from feed_service.metrics import RETURNS
from feed_service.models import AWAY_DAYS, Following, ReaderState, Span
from feed_service.placement import DAY_MS, first_id_of
from feed_service.repository.follows import FollowRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WINDOW_ENTRIES
from feed_service.service.older import OlderEntries
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

MOST_KNOWN: Final = 200_000
_LOCKS: Final = 64
_SEEN_AT_ONCE: Final = 8
log = get_logger()


class Returns:
    """Notes once a day, in each process, that a reader is here, and sees to it that nothing is missing.

    Of who comes back it is noted first in Redis, from when on fan-out delivers again; then what was posted is read,
    which has all that fan-out passed over before; only when that is stored, and no window is left from before, it is
    noted in CQL. Where a process dies between, the next read does all of it again.
    """

    def __init__(
        self,
        readers: ReaderRepository,
        seen: SeenRepository,
        timelines: TimelineRepository,
        windows: WindowCaches,
        follows: FollowRepository,
        older: OlderEntries,
        clock: Clock,
        away_days: int = AWAY_DAYS,
    ) -> None:
        self._readers = readers
        self._seen = seen
        self._timelines = timelines
        self._windows = windows
        self._follows = follows
        self._older = older
        self._clock = clock
        self._away_days = away_days
        self._known: OrderedDict[int, ReaderState] = OrderedDict()
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    def begins(self, reader_id: int) -> int:
        """What is stored of the reader's home is whole from this id on, as far as it was seen here."""
        state = self._known.get(reader_id)
        return max(self._older.begins(), state.complete_from if state else 0)

    def unknown(self, reader_ids: Iterable[int]) -> set[int]:
        """Those of them who were not seen here today."""
        today, known = self._today(), self._known
        return {each for each in reader_ids if (state := known.get(each)) is None or state.seen_day != today}

    async def welcome(self, reader_id: int) -> None:
        """To be called before the reader's home is read. Raises AppError where something is missing, and cannot be
        built now."""
        async with self._locks[reader_id % _LOCKS]:
            if not self.unknown([reader_id]):
                return  # Somebody else has read it while this one waited.
            try:
                state = await self._readers.get(reader_id)
            except AppError as error:
                log.warning("returns.not_known", reason=error.reason)
                return
            if state is not None and self._was_away(state.seen_day):
                await self._rebuild(reader_id, state, state.seen_day)
            else:
                await self._see(reader_id, state)

    async def look(self, reader_id: int) -> bool:
        """Learns from where on what is stored is whole, without noting anything; whether the reader was here of late.
        Raises Unavailable."""
        state = await self._readers.get(reader_id)
        if state is None:
            return True
        if self._was_away(state.seen_day):
            return False
        self._keep(reader_id, state)
        return True

    async def see(self, reader_ids: Collection[int]) -> None:
        """Readers with open streams are here, too; what they have missed is built when they read."""
        slots = asyncio.Semaphore(_SEEN_AT_ONCE)

        async def see(reader_id: int) -> None:
            async with slots:
                try:
                    state = await self._readers.get(reader_id)
                    if state is not None and self._was_away(state.seen_day):
                        await self._seen.note(reader_id, self._today())
                    else:
                        await self._see(reader_id, state)
                except AppError as error:
                    log.warning("returns.not_seen", reason=error.reason)

        await asyncio.gather(*map(see, self.unknown(reader_ids)))

    async def _see(self, reader_id: int, state: ReaderState | None) -> None:
        """The usual: here again on another day. An older day in Redis is one that an outage has brought back."""
        today = self._today()
        try:
            before = await self._seen.note(reader_id, today)
            if not any(map(self._was_away, before)) and (state is None or state.seen_day != today):
                await self._readers.see([reader_id], today)
        except AppError as error:
            # It is tried again at the next read. Nothing is missing yet.
            log.warning("returns.not_seen", reason=error.reason)
            return
        if any(map(self._was_away, before)):
            await self._rebuild(reader_id, state or ReaderState(today), min(before))
        else:
            self._keep(reader_id, ReaderState(today, state.complete_from if state else 0))

    async def _rebuild(self, reader_id: int, state: ReaderState, since_day: int) -> None:
        """The newest of what was posted since then, as much as a window has; what is below is found with the
        authors."""
        await self._seen.note(reader_id, self._today())
        following = await self._follows.following(reader_id)
        everybody = Following(following.authors | {reader_id})
        above = max(first_id_of(since_day), self._older.begins()) - 1
        stretch = await self._older.merge(reader_id, everybody, Span(above, MAX_ID), WINDOW_ENTRIES)
        await self._timelines.add([(reader_id, entry) for entry in stretch.entries])
        complete_from = state.complete_from if stretch.above == above else stretch.above + 1
        await self._windows.forget(reader_id)
        now = ReaderState(self._today(), complete_from)
        await self._readers.welcome(reader_id, now)
        self._keep(reader_id, now)
        RETURNS.inc()

    def _keep(self, reader_id: int, state: ReaderState) -> None:
        self._known[reader_id] = state
        self._known.move_to_end(reader_id)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _was_away(self, day: int) -> bool:
        return day < self._today() - self._away_days

    def _today(self) -> int:
        return self._clock.unix_ms() // DAY_MS
