"""A new signing key every so often, in steps that break no token: published, then signing, then still published."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from auth_service.repository.operations import OperationsRepository
from auth_service.service.signing import RELOAD_SECONDS, make_key
from rookery_common.auth import KEYS_LIFETIME_SECONDS
from rookery_common.clock import Clock
from rookery_common.crypto import KeyProvider
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

INTERVAL_SECONDS = 60.0
# By then every process of auth has read it, and every service has asked one of them.
PUBLISHED_BEFORE_USE = timedelta(minutes=10)
assert PUBLISHED_BEFORE_USE.total_seconds() > 2 * (RELOAD_SECONDS + KEYS_LIFETIME_SECONDS)  # noqa: S101
log = get_logger()


class KeyRotation:
    """Component: looks once a minute whether a step is due; replicas may do so at the same time."""

    def __init__(
        self, operations: OperationsRepository, provider: KeyProvider, clock: Clock, *, every: timedelta
    ) -> None:
        self._operations = operations
        self._provider = provider
        self._clock = clock
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to look, also while the database is away."""
        self._task = asyncio.create_task(self._run(), name="auth-key-rotation")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def round(self) -> None:
        """Takes the steps that are due."""
        now = self._clock.now()
        if await self._publish_next(active_for=self._every):
            log.info("auth.next_key_published")
        kid = await self._operations.activate_next_key(now - PUBLISHED_BEFORE_USE, now)
        if kid is not None:
            log.info("auth.key_activated", kid=kid)

    async def begin(self) -> bool:
        """Publishes the next key whatever the active one's age; False if one waits already."""
        return await self._publish_next(active_for=timedelta())

    async def replace(self) -> int:
        """For keys that somebody may have: a new one alone, at once. How many were deleted.

        What the old ones have signed is refused within a minute; who calls tells the gateways to ask anew.
        """
        return await self._operations.replace_keys(make_key(self._provider, self._clock, active=True))

    async def _publish_next(self, *, active_for: timedelta) -> bool:
        key = make_key(self._provider, self._clock, active=False)
        return await self._operations.add_next_key(key, self._clock.now() - active_for)

    async def _run(self) -> None:
        while True:
            try:
                await self.round()
            except AppError as error:
                log.warning("auth.key_rotation_failed", reason=error.reason)
            await self._clock.sleep(INTERVAL_SECONDS)
