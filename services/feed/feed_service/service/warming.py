"""Fills the windows of a cache that is to take another's place, before any reader needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from feed_service.repository.windows import WindowRepository
from feed_service.service.home import HomeReader
from feed_service.service.rebuild import OUTAGES, WAITS
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

READERS_AT_ONCE: Final = 256
FILLS_AT_ONCE: Final = 16
log = get_logger()


class Warming:
    """One walk through the readers who have a window in the cache of now; `report` is told how many were seen to, after
    each part. A window that is there already costs a look, so that it may be done again, and in several places."""

    def __init__(self, now: WindowRepository, then: HomeReader, clock: Clock, report: Callable[[int], None]) -> None:
        self._now = now
        self._then = then
        self._clock = clock
        self._report = report
        self._slots = asyncio.Semaphore(FILLS_AT_ONCE)

    async def run(self) -> int:
        """How many readers there were. Raises AppError where an outage lasts."""
        count = 0
        async for readers in self._now.readers(READERS_AT_ONCE):
            await self._fill(readers)
            count += len(readers)
            self._report(count)
        return count

    async def _fill(self, readers: Sequence[int]) -> None:
        for seconds in WAITS:
            try:
                await self._fill_all(readers)
            except OUTAGES as error:
                log.warning("feed.warming_waits", reason=error.reason, seconds=seconds)
                await self._clock.sleep(seconds)
            else:
                return
        await self._fill_all(readers)

    async def _fill_all(self, readers: Sequence[int]) -> None:
        async def fill(reader_id: int) -> None:
            async with self._slots:
                await self._then.warm(reader_id)

        outcomes = await asyncio.gather(*map(fill, readers), return_exceptions=True)
        for outcome in outcomes:  # None is left under way while another waits for an engine.
            if isinstance(outcome, BaseException):
                raise outcome
