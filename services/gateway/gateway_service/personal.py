"""What is each viewer's own, of those whom this replica serves: forgotten as soon as an event says that it changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway_service.metrics import FRAGMENTS

# While events may be missed this bounds how long that is not noticed; while all of them come, how long a defect is not.
FRESH_SECONDS: Final = 30.0
FOLLOWED_SECONDS: Final = 600.0
ACCOUNTS: Final = 10_000
T = TypeVar("T")


class Personal(Generic[T]):
    """A bounded map from accounts, with when each was loaded, in seconds of the monotonic clock; what was loaded first
    goes first."""

    def __init__(self, kind: str, complete_since: Callable[[], float], capacity: int = ACCOUNTS) -> None:
        """`complete_since` says since when every event of a change has come, by the same clock."""
        self._complete_since = complete_since
        self._capacity = capacity
        self._held: OrderedDict[int, tuple[T, float]] = OrderedDict()
        self._changes = 0
        self._size = FRAGMENTS.labels(kind)

    @property
    def changes(self) -> int:
        """How often any were forgotten: what was asked for before the last time may be old."""
        return self._changes

    def get(self, account_id: int, now: float) -> tuple[T | None, bool]:
        """What is held, and whether it is fresh."""
        found = self._held.get(account_id)
        if found is None:
            return None, False
        item, loaded_at = found
        age = now - loaded_at
        return item, age <= FRESH_SECONDS or (age <= FOLLOWED_SECONDS and self._complete_since() <= loaded_at)

    def put(self, account_id: int, item: T, now: float, changes: int) -> None:
        """Keeps what was asked for when there had been so many changes, unless there was one since."""
        if changes == self._changes:
            self._held[account_id] = (item, now)
            self._held.move_to_end(account_id)
            if len(self._held) > self._capacity:
                self._held.popitem(last=False)
            self._size.set(len(self._held))

    def drop(self, account_id: int) -> None:
        self._changes += 1
        self._held.pop(account_id, None)
