"""How much is worked on at once: an adaptive limit, and a short queue by priority before it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable
from rookery_common.rpc.metrics import IN_FLIGHT, LIMIT, SHED
from rookery_common.rpc.priority import Priority

_WINDOW = 0.25
_MIN_SAMPLES = 10
_TOLERANCE = 2.5
_SLACK = 0.010
_SMOOTHING = 0.3
_FALL, _RISE = 0.5, 0.01


class Overloaded(Unavailable):
    """More work arrives than can be done: this was refused before any was done for it."""

    reason = "OVERLOADED"


def _overloaded() -> Overloaded:
    return Overloaded("Too much is asked at the moment.", retry_after=1.0)


@dataclass(slots=True)
class _Latency:
    """Of one method and size of batch: what is usual, and the sum and number of the window's samples."""

    usual: float = 0.0
    total: float = 0.0
    samples: int = 0

    def close_window(self) -> float:
        """How many times longer than acceptable the window's calls took, weighted by their number."""
        average = self.total / self.samples
        if self.usual == 0.0:
            self.usual = average
        strain = average / (self.usual * _TOLERANCE + _SLACK)
        # Falls fast, rises slowly (over half a minute), so that an overload isn't soon taken for usual.
        self.usual += (average - self.usual) * (_FALL if average < self.usual else _RISE)
        weighted = strain * self.samples
        self.total, self.samples = 0.0, 0
        return weighted


@dataclass(slots=True)
class _Waiter:
    entries: int
    admitted: asyncio.Future[None]


class Limiter:
    """Admits entries up to a limit that follows latency.

    It shrinks when calls take longer than usual, and grows when it is nearly reached and they don't.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        initial: float = 512,
        minimum: float = 128,
        maximum: float = 2048,
        max_wait: float = 0.5,
        max_queued: int = 1024,
    ) -> None:
        self._clock = clock
        self._limit, self._minimum, self._maximum = float(initial), minimum, maximum
        self._max_wait, self._max_queued = max_wait, max_queued
        self._in_flight = self._peak = self._queued = 0
        self._queues: dict[Priority, deque[_Waiter]] = {priority: deque() for priority in Priority}
        self._latencies: dict[tuple[str, int], _Latency] = {}
        self._seen: set[tuple[str, int]] = set()
        self._window_ends = clock.monotonic() + _WINDOW

    @property
    def limit(self) -> float:
        """Entries that may be worked on at once."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """Entries that are worked on."""
        return self._in_flight

    def try_acquire(self, entries: int) -> bool:
        """Takes a place at once, if nobody waits and there is room. What is larger than the limit may go alone."""
        if self._queued or (self._in_flight and self._in_flight + entries > self._limit):
            return False
        self.take(entries)
        return True

    def take(self, entries: int) -> None:
        """Takes places whether there is room or not, for a caller who has decided by itself."""
        self._in_flight += entries
        if self._in_flight > self._peak:
            self._peak = self._in_flight

    async def acquire(self, priority: Priority, entries: int = 1) -> None:
        """Waits for a place. Raises Overloaded after `max_wait`, or when the queue is full of what matters as much."""
        if self.try_acquire(entries):
            return
        if self._queued + entries > self._max_queued and not self._evict_below(priority):
            SHED.labels(priority.name).inc(entries)
            raise _overloaded()
        waiter = _Waiter(entries, asyncio.get_running_loop().create_future())
        self._queues[priority].append(waiter)
        self._queued += entries
        admitted = False
        try:
            async with asyncio.timeout(self._max_wait):
                await waiter.admitted
            admitted = True
        except TimeoutError:
            SHED.labels(priority.name).inc(entries)
            raise _overloaded() from None
        finally:
            if not admitted:
                self._give_up(priority, waiter)

    def release(self, entries: int, method: str, seconds: float | None) -> None:
        """Gives the place back, and tells how long the work took; None where that says nothing about the load."""
        self._in_flight -= entries
        if seconds is not None:
            self._note((method, entries.bit_length()), seconds)
        now = self._clock.monotonic()
        if now >= self._window_ends:
            self._adapt(now)
        if self._queued:
            self._admit_waiting()

    def _note(self, key: tuple[str, int], seconds: float) -> None:
        latency = self._latencies.get(key)
        if latency is None:
            latency = self._latencies[key] = _Latency()
        latency.total += seconds
        latency.samples += 1
        self._seen.add(key)

    def _give_up(self, priority: Priority, waiter: _Waiter) -> None:
        """Leaves the queue; who was admitted in the very moment gives the place back."""
        future = waiter.admitted
        if future.done() and not future.cancelled() and future.exception() is None:
            self._in_flight -= waiter.entries
            self._admit_waiting()
        elif waiter in self._queues[priority]:
            self._queues[priority].remove(waiter)
            self._queued -= waiter.entries

    def _admit_waiting(self) -> None:
        for queue in self._queues.values():
            while queue:
                waiter = queue[0]
                if self._in_flight and self._in_flight + waiter.entries > self._limit:
                    return
                queue.popleft()
                self._queued -= waiter.entries
                if not waiter.admitted.done():
                    self.take(waiter.entries)
                    waiter.admitted.set_result(None)

    def _evict_below(self, priority: Priority) -> bool:
        """Refuses the latest that waits and matters less, if any."""
        for lower in reversed(Priority):
            if lower <= priority:
                return False
            queue = self._queues[lower]
            if queue:
                waiter = queue.pop()
                self._queued -= waiter.entries
                SHED.labels(lower.name).inc(waiter.entries)
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(_overloaded())
                return True
        return False

    def _adapt(self, now: float) -> None:
        samples = sum(self._latencies[key].samples for key in self._seen)
        if samples >= _MIN_SAMPLES:
            strain = sum(self._latencies[key].close_window() for key in self._seen) / samples
            self._seen.clear()
            self._move_limit(strain)
        self._window_ends = now + _WINDOW
        self._peak = self._in_flight
        LIMIT.set(self._limit)
        IN_FLIGHT.set(self._in_flight)

    def _move_limit(self, strain: float) -> None:
        if strain > 1.0:
            target = self._limit * max(0.5, 1.0 / strain)
        elif self._peak >= self._limit / 2:
            target = self._limit + self._limit**0.5
        else:
            return  # not reached: nothing is known about a larger one
        moved = self._limit + (target - self._limit) * _SMOOTHING
        self._limit = min(self._maximum, max(self._minimum, moved))
