"""Notes who is here with nothing but an open stream."""

from __future__ import annotations

import asyncio
from typing import Final

from feed_service.models import LiveUpdate
from feed_service.service.returns import Returns
from rookery_common.clock import Clock
from rookery_common.live.hub import LiveHub

EVERY_SECONDS: Final = 3_600.0


class StreamWatch:
    """Component: every hour all who listen to streams of this server are seen."""

    def __init__(self, live: LiveHub[LiveUpdate, LiveUpdate], returns: Returns, clock: Clock) -> None:
        self._live = live
        self._returns = returns
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="stream watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            await self._returns.see(self._live.accounts())
