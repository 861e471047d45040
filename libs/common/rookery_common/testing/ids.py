"""Ids that a test can foresee."""

from __future__ import annotations

from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at
from rookery_common.testing.clock import FakeClock


class FakeIds:
    """An IdSource that counts: 1, 2, 3 within a millisecond, with the clock's time in them as real ids have."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._count = 0

    def mint(self) -> int:
        return self.mint_at(self._clock.unix_ms())

    def mint_at(self, unix_ms: int) -> int:
        self._count += 1
        return lowest_id_at(unix_ms) + self._count
