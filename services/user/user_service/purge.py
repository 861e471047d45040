"""Names that were reserved for a sign-up that never ended are forgotten."""

from __future__ import annotations

from datetime import timedelta

from rookery_common.clock import Clock
from rookery_common.rounds import Rounds
from user_service.repository import UserRepository

INTERVAL_SECONDS = 600.0
# Well after the reservation: a late confirmation still finds its name.
KEEP = timedelta(days=1)
ROWS = 1_000


class UsernamePurge(Rounds):
    """Every ten minutes, a bounded number at a time."""

    def __init__(self, repository: UserRepository, clock: Clock) -> None:
        super().__init__("user.username_purge", clock, every=INTERVAL_SECONDS)
        self._repository = repository

    async def round(self) -> bool:
        """Forgets some; whether there may be more."""
        return await self._repository.purge_usernames(self._clock.now() - KEEP, ROWS) == ROWS
