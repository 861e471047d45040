"""Waiting for what tells nobody, as long as a busy machine may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 30.0
STEP_SECONDS = 0.005
MAX_STEP_SECONDS = 0.1


async def eventually(true: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as the answer is yes; TimeoutError when it never was. Only a broken test waits for long."""
    step = STEP_SECONDS
    async with asyncio.timeout(seconds):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(step)
            step = min(2 * step, MAX_STEP_SECONDS)
