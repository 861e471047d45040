"""Notes who is here with nothing but an open stream."""

from __future__ import annotations

from typing import Final

from feed_service.models import LiveUpdate
from feed_service.service.returns import Returns
from rookery_common.clock import Clock
from rookery_common.live.hub import LiveHub
from rookery_common.rounds import Rounds

EVERY_SECONDS: Final = 3_600.0


class StreamWatch(Rounds):
    """Component: every hour all who listen to streams of this server are seen."""

    def __init__(self, live: LiveHub[LiveUpdate, LiveUpdate], returns: Returns, clock: Clock) -> None:
        super().__init__("stream-watch", clock, every=EVERY_SECONDS)
        self._live = live
        self._returns = returns

    async def round(self) -> bool:
        await self._returns.see(self._live.accounts())
        return False
