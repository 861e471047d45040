"""The feed of revocations that gateways follow, so that a revoked session ends within a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from auth_service.errors import RevocationsForgotten
from auth_service.models import Revocation
from auth_service.repository import AuthRepository
from rookery_common.clock import Clock

# Each look into the database is followed by a message, so silence means that nobody looks: no heartbeat lies.
POLL_SECONDS = 0.2
PAGE = 500
# Longer than any internal token lives, with all clocks' errors.
RECENT = timedelta(minutes=10)


class Revocations:
    """Follows the table by its sequence, which has no gaps."""

    def __init__(self, repository: AuthRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def watch(self, since: int) -> AsyncIterator[tuple[Sequence[Revocation], int]]:
        """Revocations after `since` and the sequence reached; empty ones are heartbeats, every 200 ms.

        0 begins with those of the last ten minutes. Raises RevocationsForgotten where there would be a gap.
        """
        sequence = await self._begin(since)
        while True:
            found = await self._repository.revocations_after(sequence, PAGE)
            if found:
                sequence = found[-1].sequence
            yield found, sequence
            if len(found) < PAGE:
                await self._clock.sleep(POLL_SECONDS)

    async def _begin(self, since: int) -> int:
        first, recent, last = await self._repository.known_revocations(self._clock.now() - RECENT)
        if since == 0:
            return recent - 1
        if not first - 1 <= since <= last:
            raise RevocationsForgotten("revocations after this sequence are not known; start at 0")
        return since
