"""Work that is due again and again: a component that goes round for good, also while what it needs is away."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

log = get_logger()


class Rounds(ABC):
    """Component, which begins at once. Any number of processes may run it, if its rounds may meet each other's.

    Of a round that fails there is a warning, `{name}_failed`, and the next one comes after the usual time.
    """

    def __init__(self, name: str, clock: Clock, *, every: float, again_after: float = 0.0, lanes: int = 1) -> None:
        """`every` so many seconds; after `again_after` where a round has left something to do.

        With `lanes` side by side one of them looks `every` so many seconds: what one hangs on holds up no other.
        """
        self._name = name
        self._clock = clock
        self._every = every
        self._again_after = again_after
        self._lanes = lanes
        self._tasks: list[asyncio.Task[None]] = []

    @abstractmethod
    async def round(self) -> bool:
        """Does a bounded part of what is due; whether the next should come soon. Raises AppError."""

    async def start(self) -> None:
        """Returns before the first round."""
        self._tasks = [asyncio.create_task(self._run(lane), name=f"{self._name}-{lane}") for lane in range(self._lanes)]

    async def stop(self) -> None:
        """Cuts off the rounds under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, lane: int) -> None:
        await self._clock.sleep(lane * self._every)
        while True:
            try:
                soon = await self.round()
            except AppError as error:
                log.warning(f"{self._name}_failed", reason=error.reason)
                soon = False
            await self._clock.sleep(self._again_after if soon else self._every * self._lanes)
