"""Forgets, a bounded number at a time, what nobody needs any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from moderation_service.repository import ModerationRepository
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

INTERVAL_SECONDS = 60.0
# Longer than Kafka keeps an event, and than any rate looks back; a post that was decided on is never forgotten.
KEEP_UNDECIDED = timedelta(days=14)
log = get_logger()


class Housekeeping:
    """Component: goes round once a minute; replicas may do so at the same time."""

    def __init__(self, repository: ModerationRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="moderation-housekeeping")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                rows = await self._repository.purge(self._clock.now() - KEEP_UNDECIDED)
            except AppError as error:
                log.warning("moderation.housekeeping_failed", reason=error.reason)
            else:
                log.debug("moderation.housekeeping_done", rows=rows)
            await self._clock.sleep(INTERVAL_SECONDS)
