"""What is asked of CQL about an account with each event, and seldom changes: remembered for a moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from rookery_common.clock import Clock

# So long a change may go unnoticed.
KNOWN_SECONDS: Final = 20.0
KNOWN_ACCOUNTS: Final = 20_000
T = TypeVar("T")


class Remembered(Generic[T]):
    """A bounded map from accounts; who was not asked about for longest goes first."""

    def __init__(self, load: Callable[[int], Awaitable[T]], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._known: OrderedDict[int, tuple[float, T]] = OrderedDict()

    async def get(self, account_id: int) -> T:
        """Raises what loading it raises."""
        now = self._clock.monotonic()
        known = self._known.get(account_id)
        if known is None or known[0] < now:
            known = (now + KNOWN_SECONDS, await self._load(account_id))
            self._known[account_id] = known
            self._known.move_to_end(account_id)
            if len(self._known) > KNOWN_ACCOUNTS:
                self._known.popitem(last=False)
        return known[1]
