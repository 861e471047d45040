"""Names that were reserved for a sign-up that never ended are forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from user_service.repository import UserRepository

INTERVAL_SECONDS = 600.0
# Well after the reservation: a late confirmation still finds its name.
KEEP = timedelta(days=1)
ROWS = 1_000

log = get_logger()


class UsernamePurge:
    """Component: every ten minutes, a bounded number at a time."""

    def __init__(self, repository: UserRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="username-purge")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                count = await self._repository.purge_usernames(self._clock.now() - KEEP, ROWS)
            except AppError as error:
                log.warning("user.purge_failed", reason=error.reason)
                count = 0
            if count < ROWS:
                await self._clock.sleep(INTERVAL_SECONDS)
