"""Requests of one kind go through the services side by side, so that they share every call on the way.

Cohort scheduling, after Larus and Parkes: batches that form at each call by themselves are a third as large.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

# As many start though others are on the way: the services work on one cohort while the gateway works on another.
FULL: Final = 16
# Nobody waits longer than this for those who are on the way.
PATIENCE_SECONDS: Final = 0.01
# Where some were there a moment ago, the next waits as long for as many again: clients in turn ask anew right after.
LINGER_SECONDS: Final = 0.004
T = TypeVar("T")


class _Cohort:
    """Some that have started together."""

    __slots__ = ("left", "size")

    def __init__(self, size: int) -> None:
        self.left = self.size = size


class Cohorts:
    """Alone, a request goes at once. What comes while others are on the way waits for them, and goes together then."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[_Cohort]] = []
        self._on_the_way = 0
        # How many were on the way or waited when the last cohort came back.
        self._lately = 0
        self._timer: asyncio.TimerHandle | None = None

    async def join(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns or raises, done beside that of others."""
        place: asyncio.Future[_Cohort] = asyncio.get_running_loop().create_future()
        self._queue(place)
        try:
            await place
            return await work()
        finally:
            if place.done() and not place.cancelled():
                self._back(place.result())

    def _queue(self, place: asyncio.Future[_Cohort]) -> None:
        self._waiting.append(place)
        enough = FULL if self._on_the_way else min(FULL, self._lately)
        if len(self._waiting) >= enough:
            self._start()
        elif self._timer is None:
            self._start_in(PATIENCE_SECONDS if self._on_the_way else LINGER_SECONDS)

    def _start(self) -> None:
        self._stop_timer()
        places = [place for place in self._waiting if not place.done()]
        self._waiting.clear()
        if not places:
            self._lately = 0
            return
        self._on_the_way += 1
        cohort = _Cohort(len(places))
        for place in places:
            place.set_result(cohort)

    def _back(self, cohort: _Cohort) -> None:
        cohort.left -= 1
        if cohort.left:
            return
        self._on_the_way -= 1
        self._lately = cohort.size + len(self._waiting)
        if self._on_the_way:
            return
        if len(self._waiting) >= FULL:
            self._start()
        elif self._lately > 1:
            self._stop_timer()
            self._start_in(LINGER_SECONDS)

    def _start_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._start)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
