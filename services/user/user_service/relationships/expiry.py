"""Mutes whose time has come are ended, so that it is told of; what is read knows the time by itself."""

from __future__ import annotations

import asyncio

from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from user_service.relationships.service import Relationships

INTERVAL_SECONDS = 15.0
MUTES = 200

log = get_logger()


class MuteExpiry:
    """Component: a bounded number at a time; any number of processes may run it."""

    def __init__(self, relationships: Relationships, clock: Clock) -> None:
        self._relationships = relationships
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="mute-expiry")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                count = await self._relationships.end_expired_mutes(MUTES)
            except AppError as error:
                log.warning("user.mutes_not_ended", reason=error.reason)
                count = 0
            if count < MUTES:
                await self._clock.sleep(INTERVAL_SECONDS)
