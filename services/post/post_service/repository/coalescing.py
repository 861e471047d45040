"""Work that many ask for at once is done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Coalescing(Generic[K, R]):
    """Runs a job one at a time for each key. Who asks while it runs shares the next run, which begins after that:
    so each sees in its result what was there when it asked."""

    def __init__(self, job: Callable[[K], Awaitable[R]]) -> None:
        self._job = job
        self._running: dict[K, asyncio.Task[R]] = {}
        self._waiting: dict[K, asyncio.Task[R]] = {}

    async def __call__(self, key: K) -> R:
        task = self._waiting.get(key)
        if task is None:
            # In a context of its own: the deadline of the first who asks must not end it for the others.
            task = asyncio.create_task(self._run(key, self._running.get(key)), context=Context())
            task.add_done_callback(_retrieve)
            self._waiting[key] = task
        return await asyncio.shield(task)

    async def _run(self, key: K, before: asyncio.Task[R] | None) -> R:
        if before is not None:
            await asyncio.wait([before])
        task = self._running[key] = self._waiting.pop(key)
        try:
            return await self._job(key)
        finally:
            if self._running.get(key) is task:
                del self._running[key]


def _retrieve(task: asyncio.Task[R]) -> None:
    """Whoever still waits is given the failure; nobody may be left to."""
    if not task.cancelled():
        task.exception()
