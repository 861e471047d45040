"""A breaker per dependency and method: what keeps failing is not asked for a while, and its callers fail at once."""

from __future__ import annotations

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable

_WINDOW = 10.0
_MIN_CALLS = 20
_RATIO = 0.5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 5.0


class BreakerOpen(Unavailable):
    """The dependency failed too often just now; it was not asked."""

    reason = "BREAKER_OPEN"


class Breaker:
    """Open once half of at least 20 calls in 10 s failed: for 1 s, doubled up to 5 s while its single probe fails.

    What nobody has probed for 10 s is asked as if it had never failed: many at once, one of whom would be the probe,
    are not refused for what was a minute ago.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._calls = 0
        self._failures = 0
        self._window_ends = clock.monotonic() + _WINDOW
        self._pause = _FIRST_PAUSE
        self._open_until: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return self._open_until is None

    def check(self) -> None:
        """Before a call. Raises BreakerOpen, save for one probe after the pause."""
        if self._open_until is None:
            return
        wait = self._open_until - self._clock.monotonic()
        if wait < -_WINDOW and not self._probing:
            self._close()
            return
        if wait > 0 or self._probing:
            raise BreakerOpen(f"{self._name} fails; it is asked again in a moment.", retry_after=max(wait, 0.1))
        self._probing = True

    def succeeded(self) -> None:
        """After an answer, also one that says no."""
        if self._open_until is not None:
            self._close()
        self._count(0)

    def failed(self) -> None:
        """After no answer, or one that says the dependency is broken."""
        if self._open_until is not None:
            if self._probing:
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)
                self._open()
            return
        self._count(1)
        if self._calls >= _MIN_CALLS and self._failures >= self._calls * _RATIO:
            self._open()

    def abandoned(self) -> None:
        """After a call whose caller went away: it says nothing, but another probe may be made."""
        self._probing = False

    def _count(self, failures: int) -> None:
        now = self._clock.monotonic()
        if now >= self._window_ends:
            self._calls = self._failures = 0
            self._window_ends = now + _WINDOW
        self._calls += 1
        self._failures += failures

    def _open(self) -> None:
        self._open_until = self._clock.monotonic() + self._pause
        self._probing = False

    def _close(self) -> None:
        self._open_until = None
        self._probing = False
        self._pause = _FIRST_PAUSE
        self._calls = self._failures = 0
