"""What is asked with each event, as of CQL about an account, and seldom changes: remembered for a moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from rookery_common.clock import Clock

# So long a change may go unnoticed.
KNOWN_SECONDS: Final = 20.0
KNOWN_ACCOUNTS: Final = 20_000
K = TypeVar("K")
T = TypeVar("T")


class Remembered(Generic[K, T]):
    """A bounded map, as of accounts; what was not asked about for longest goes first."""

    def __init__(self, load: Callable[[K], Awaitable[T]], clock: Clock, *, seconds: float = KNOWN_SECONDS) -> None:
        self._seconds = seconds
        self._load = load
        self._clock = clock
        self._known: OrderedDict[K, tuple[float, T]] = OrderedDict()

    async def get(self, key: K) -> T:
        """Raises what loading it raises."""
        now = self._clock.monotonic()
        known = self._known.get(key)
        if known is None or known[0] < now:
            known = (now + self._seconds, await self._load(key))
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > KNOWN_ACCOUNTS:
                self._known.popitem(last=False)
        return known[1]
