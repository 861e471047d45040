"""A clock that moves only when told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """A Clock that stands still until `advance`; who sleeps on it wakes when its time has come."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def unix_ms(self) -> int:
        return round(self._now.timestamp() * 1000)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Lets time pass. A negative step is the wall clock set back: monotonic time stands still then."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(0.0, seconds)
        due = [future for wake, future in self._sleepers if wake <= self._monotonic]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[1] not in due]
        for future in due:
            if not future.done():
                future.set_result(None)
