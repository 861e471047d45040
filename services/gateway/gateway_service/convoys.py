"""Requests of one kind go through the services side by side, so that they share every call on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

# As many start though others are on the way.
FULL: Final = 16
# Where the last went with others, the next waits so long for as many again.
LINGER_SECONDS: Final = 0.002
# Nobody waits for longer than this for those who are on the way.
PATIENCE_SECONDS: Final = 0.01


class Convoys:
    """Alone, a request goes at once. What comes while others are on the way waits for them, and then goes together."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[list[int]]] = []
        self._on_the_way = 0
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """What runs inside runs beside the others of its convoy."""
        convoy = await self._join()
        try:
            yield
        finally:
            convoy[0] -= 1
            if not convoy[0]:
                self._arrived(convoy[1])

    async def _join(self) -> list[int]:
        if not self._on_the_way and self._last <= 1 and not self._waiting:
            self._on_the_way += 1
            return [1, 1]
        loop = asyncio.get_running_loop()
        start: asyncio.Future[list[int]] = loop.create_future()
        self._waiting.append(start)
        full = FULL if self._on_the_way else min(self._last, FULL)
        if len(self._waiting) >= full:
            self._start()
        elif self._timer is None:
            self._timer = loop.call_later(PATIENCE_SECONDS if self._on_the_way else LINGER_SECONDS, self._start)
        try:
            return await start
        except asyncio.CancelledError:
            if start.done() and not start.cancelled():
                convoy = start.result()
                convoy[0] -= 1
                if not convoy[0]:
                    self._arrived(convoy[1])
            raise

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        going = [start for start in waiting if not start.done()]
        if not going:
            self._last = 0
            return
        self._on_the_way += 1
        convoy = [len(going), len(going)]
        for start in going:
            start.set_result(convoy)

    def _arrived(self, size: int) -> None:
        self._on_the_way -= 1
        # As many as were there lately are likely to come again.
        self._last = size + len(self._waiting)
        if self._on_the_way:
            return
        if len(self._waiting) >= FULL:
            self._start()
        elif self._last > 1:
            self._linger()

    def _linger(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._start)
