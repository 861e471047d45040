"""Versions of rows: a hybrid clock in microseconds, the write timestamp too, so that the newest version wins."""

from __future__ import annotations

from rookery_common.clock import Clock


class HybridClock:
    """Wall-clock microseconds that never repeat or go back within a process, nor behind a version that was seen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self, stored: int = 0) -> int:
        """A version above `stored`, the one that is about to be replaced, and above all that were given out before."""
        self._last = max(self._clock.unix_ms() * 1000, self._last + 1, stored + 1)
        return self._last
