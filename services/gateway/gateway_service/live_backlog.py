"""What has arrived for one part of a client's streams, kept until it could be composed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from gateway_service.metrics import LIVE_POSTPONED
from rookery_common.clock import Clock

# With more than this a client is brought up to date by reading what it has missed.
MAX_KEPT: Final = 200
FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0
T = TypeVar("T")


class Backlog(Generic[T]):
    """In the order of arrival. After a failure it is not due for a while; what gets too much is given up for a gap."""

    def __init__(self, gap: T, clock: Clock) -> None:
        self._gap = gap
        self._clock = clock
        self._tries = 0
        self._due_at = 0.0
        self.items: list[T] = []

    def add(self, items: Iterable[T]) -> None:
        """These have arrived."""
        self.items += items
        if len(self.items) > MAX_KEPT:
            self.items = [self._gap]

    def wait(self) -> float | None:
        """Seconds until it is due, 0 if it is; None where there is nothing."""
        if not self.items:
            return None
        return max(0.0, self._due_at - self._clock.monotonic())

    def postpone(self) -> None:
        """It could not be composed now: it is tried again, after waits that grow."""
        LIVE_POSTPONED.inc()
        self._tries += 1
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._tries)
        self._due_at = self._clock.monotonic() + random.uniform(longest / 2, longest)  # noqa: S311 - spreads load

    def clear(self) -> None:
        """All of it was composed."""
        self.items = []
        self._tries, self._due_at = 0, 0.0
