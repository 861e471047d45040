"""What the community tells everybody of its last weeks."""

from __future__ import annotations

import asyncio
from typing import Final

from analytics_service.models import DAY_SECONDS, ActivityWeek, Lately, Measure, Width
from analytics_service.repository.windows import WindowRepository
from analytics_service.service.measures import total
from rookery_common.clock import Clock

WEEKS: Final = 12
DAYS: Final = 7
MONTH_DAYS: Final = 30
# Days since 1970 at the first Monday's beginning, which was the fifth day.
MONDAY: Final = 4
KEPT_SECONDS: Final = 600.0


class Activity:
    """Adds up the last weeks, at most once in ten minutes however many ask: anyone may, and it reads many windows."""

    def __init__(self, windows: WindowRepository, clock: Clock) -> None:
        self._windows = windows
        self._clock = clock
        self._counting = asyncio.Lock()
        self._kept: Lately | None = None
        self._until = 0.0

    async def lately(self) -> Lately:
        """As of the last ten minutes."""
        async with self._counting:
            if self._kept is None or self._clock.monotonic() >= self._until:
                self._kept = await self._count()
                self._until = self._clock.monotonic() + KEPT_SECONDS
            return self._kept

    async def _count(self) -> Lately:
        today = self._clock.unix_ms() // 1000 // DAY_SECONDS
        monday = today - (today - MONDAY) % DAYS
        # One after another: a week's sketches of active accounts may take megabytes.
        weeks = [await self._week(monday - DAYS * ago) for ago in range(WEEKS)]
        return Lately(tuple(weeks), await self._total(Measure.ACTIVE_USERS, today - MONTH_DAYS + 1, MONTH_DAYS))

    async def _week(self, monday: int) -> ActivityWeek:
        return ActivityWeek(
            start=monday * DAY_SECONDS,
            new_posts=await self._total(Measure.NEW_POSTS, monday),
            active_accounts=await self._total(Measure.ACTIVE_USERS, monday),
            new_accounts=await self._total(Measure.NEW_USERS, monday),
        )

    async def _total(self, measure: Measure, first: int, days: int = DAYS) -> int:
        return total(measure, await self._windows.list(measure, Width.DAY, first, first + days - 1))
