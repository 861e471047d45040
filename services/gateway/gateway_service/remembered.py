"""What a service was asked for a moment ago, and is asked for again once that is too old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway_service import degradation
from rookery_common.clock import Clock
from rookery_common.errors import AppError

RETRY_SECONDS = 2.0
T = TypeVar("T")


class Remembered(Generic[T]):
    """What was told last, also while the service is away; `first` until anything was told."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[T]],
        first: T,
        clock: Clock,
        *,
        seconds: float,
        fallback: degradation.Fallback,
    ) -> None:
        self._ask = ask
        self._told = first
        self._clock = clock
        self._seconds = seconds
        self._fallback = fallback
        self._asking = asyncio.Lock()
        self._ask_at = 0.0

    async def get(self) -> T:
        """One asks, whoever comes meanwhile waits for that."""
        async with self._asking:
            if self._clock.monotonic() >= self._ask_at:
                await self._renew()
        return self._told

    async def _renew(self) -> None:
        try:
            self._told = await self._ask()
        except AppError:
            degradation.note(self._fallback)
            self._ask_at = self._clock.monotonic() + RETRY_SECONDS
            return
        self._ask_at = self._clock.monotonic() + self._seconds
