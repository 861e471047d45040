"""A new signing key every so often, in steps that break no token: published, then signing, then still published."""

from __future__ import annotations

from datetime import timedelta

from auth_service.repository.operations import OperationsRepository
from auth_service.service.signing import RELOAD_SECONDS, make_key
from rookery_common.auth import KEYS_LIFETIME_SECONDS
from rookery_common.clock import Clock
from rookery_common.crypto import KeyProvider
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

INTERVAL_SECONDS = 60.0
# By then every process of auth has read it, and every service has asked one of them.
PUBLISHED_BEFORE_USE = timedelta(minutes=10)
assert PUBLISHED_BEFORE_USE.total_seconds() > 2 * (RELOAD_SECONDS + KEYS_LIFETIME_SECONDS)  # noqa: S101
log = get_logger()


class KeyRotation(Rounds):
    """Looks once a minute whether a step is due; replicas may do so at the same time."""

    def __init__(
        self, operations: OperationsRepository, provider: KeyProvider, clock: Clock, *, every: timedelta
    ) -> None:
        super().__init__("auth.key_rotation", clock, every=INTERVAL_SECONDS)
        self._operations = operations
        self._provider = provider
        self._lifetime = every

    async def round(self) -> bool:
        """Takes the steps that are due."""
        now = self._clock.now()
        if await self._publish_next(active_for=self._lifetime):
            log.info("auth.next_key_published")
        kid = await self._operations.activate_next_key(now - PUBLISHED_BEFORE_USE, now)
        if kid is not None:
            log.info("auth.key_activated", kid=kid)
        return False

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
