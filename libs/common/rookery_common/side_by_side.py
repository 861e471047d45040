"""Some at the same work, each taking the next piece of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def side_by_side(work: Callable[[], Coroutine[Any, Any, None]], workers: int) -> None:
    """So many at it at a time; the first failure is raised, and ends all of them. One alone needs no task."""
    if workers == 1:
        await work()
        return
    tasks = [asyncio.ensure_future(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
