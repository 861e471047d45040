"""Makes feed's copy of the follow graph from nothing, of all that user has, while live events go on into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from feed_service.follow_models import Follow
from feed_service.repository.follows import FollowRepository
from feed_service.repository.window_caches import WindowCaches
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.logs import get_logger

WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between tries while somebody is away: what takes minutes does not end for a minute's outage."""
OUTAGES: Final = (Unavailable, DeadlineExceeded, ResourceExhausted)
log = get_logger()


class Snapshot(Protocol):
    """Where all follows are asked for, page by page."""

    async def follows(self, token: str) -> tuple[Sequence[Follow], str]: ...


class GraphRebuild:
    """One walk through all follows; `report` is told how many there were, after each page.

    Each is written under its version, so that what is newer stays, and doing all of it again is harmless.
    """

    def __init__(
        self,
        follows: FollowRepository,
        windows: WindowCaches,
        snapshot: Snapshot,
        clock: Clock,
        report: Callable[[int], None],
    ) -> None:
        self._follows = follows
        self._windows = windows
        self._snapshot = snapshot
        self._clock = clock
        self._report = report

    async def run(self) -> int:
        """How many follows there were, ended ones too. Raises AppError where an outage lasts."""
        count, token, more = 0, "", True
        while more:
            page, token = await self._take_over(token)
            count += len(page)
            self._report(count)
            more = token != ""
        return count

    async def _take_over(self, token: str) -> tuple[Sequence[Follow], str]:
        for seconds in WAITS:
            try:
                return await self._page(token)
            except OUTAGES as error:
                log.warning("feed.rebuild_waits", reason=error.reason, seconds=seconds)
                await self._clock.sleep(seconds)
        return await self._page(token)

    async def _page(self, token: str) -> tuple[Sequence[Follow], str]:
        page, following = await self._snapshot.follows(token)
        await self._follows.put_all(page)
        readers = {follow.reader_id for follow in page}
        await asyncio.gather(*map(self._windows.forget_following, readers))
        return page, following
