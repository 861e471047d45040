"""Forgets, a bounded number at a time, what nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

from moderation_service.repository import ModerationRepository
from rookery_common.clock import Clock
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

INTERVAL_SECONDS = 60.0
# Longer than Kafka keeps an event, and than any rate looks back; a post that was decided on is never forgotten.
KEEP_UNDECIDED = timedelta(days=14)
log = get_logger()


class Housekeeping(Rounds):
    """Once a minute; replicas may do so at the same time."""

    def __init__(self, repository: ModerationRepository, clock: Clock) -> None:
        super().__init__("moderation.housekeeping", clock, every=INTERVAL_SECONDS)
        self._repository = repository

    async def round(self) -> bool:
        """One pass."""
        rows = await self._repository.purge(self._clock.now() - KEEP_UNDECIDED)
        log.debug("moderation.housekeeping_done", rows=rows)
        return False
