"""Announces news, as far as Redis is there to take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from rookery_common.errors import AppError
from rookery_common.live.metrics import LIVE_LOST
from rookery_common.live.streams import LiveStreams
from rookery_common.logs import get_logger

T = TypeVar("T")
log = get_logger()


class Announcer(Generic[T]):
    """Streams are a courtesy: without their Redis the work goes on all the same, and who listens sees a gap later."""

    def __init__(self, streams: LiveStreams[T]) -> None:
        self._streams = streams
        self._lost = 0

    async def tell(self, news: Sequence[tuple[Sequence[int], T]]) -> None:
        """Accounts and an item each, in their order for each account. Never raises for what Redis says."""
        if not news:
            return
        lost, self._lost = self._lost, 0
        try:
            await self._streams.publish(news, lost=lost)
        except AppError as error:  # Whatever it is: the work is done, and must not be reported as failed.
            self._lost += lost + len(news)
            LIVE_LOST.inc(len(news))
            log.warning("live.lost", news=len(news), reason=error.reason)
