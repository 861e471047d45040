"""Requests of one kind go through the services side by side, so that they share every call on the way.

Cohort scheduling, after Larus and Parkes: batches that form at each call by themselves are a third as large.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

# As many start though others are on the way: the services work on one cohort while the gateway works on another.
FULL: Final = 32
# Nobody waits longer than this for those who are on the way.
PATIENCE_SECONDS: Final = 0.01
# Where some were there a moment ago, the next waits as long for as many again: clients in turn ask anew right after.
LINGER_SECONDS: Final = 0.008
A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")


class _Cohort:
    """Some that have started together."""

    __slots__ = ("left", "size")

    def __init__(self, size: int) -> None:
        self.left = self.size = size


class _Place(Generic[A, R]):
    """One that waits: what it asks, what becomes of that, and the cohort that it has started with."""

    __slots__ = ("asked", "cohort", "found")

    def __init__(self, asked: A) -> None:
        self.asked = asked
        self.found: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.cohort: _Cohort | None = None


class Cohorts(Generic[A, R]):
    """Alone, a request goes at once. What comes while others are on the way waits for them, and goes together then.

    `work` is done once for all of a cohort, with a result for each; each ends its way by itself, beside the others.
    """

    def __init__(self, work: Callable[[Sequence[A]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._working: set[asyncio.Task[None]] = set()
        self._waiting: list[_Place[A, R]] = []
        self._on_the_way = 0
        # How many were on the way or waited when the last cohort came back.
        self._lately = 0
        self._timer: asyncio.TimerHandle | None = None

    async def join(self, asked: A, end: Callable[[R], Awaitable[T]]) -> T:
        """What `end` makes of the work's result for what is asked. Raises what either raises."""
        place: _Place[A, R] = _Place(asked)
        self._queue(place)
        try:
            return await end(await place.found)
        finally:
            if place.cohort is not None:
                self._back(place.cohort)

    def _queue(self, place: _Place[A, R]) -> None:
        self._waiting.append(place)
        enough = FULL if self._on_the_way else min(FULL, self._lately)
        if len(self._waiting) >= enough:
            self._start()
        elif self._timer is None:
            self._start_in(PATIENCE_SECONDS if self._on_the_way else LINGER_SECONDS)

    def _start(self) -> None:
        self._stop_timer()
        places = [place for place in self._waiting if not place.found.done()]
        self._waiting.clear()
        if not places:
            self._lately = 0
            return
        self._on_the_way += 1
        cohort = _Cohort(len(places))
        for place in places:
            place.cohort = cohort
        # In a context of its own: it acts for many, and must not inherit one's identity, deadline or trace.
        task = asyncio.get_running_loop().create_task(self._go(places), context=Context())
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _go(self, places: Sequence[_Place[A, R]]) -> None:
        try:
            results = await self._work([place.asked for place in places])
        except Exception as error:  # of all of them: each is told
            for place in places:
                if not place.found.done():
                    place.found.set_exception(copy.copy(error))
        else:
            for place, result in zip(places, results, strict=True):
                if not place.found.done():
                    place.found.set_result(result)

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
