"""Forgets, a bounded number at a time, what nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.repository import PURGE_ROWS, ModerationRepository
from rookery_common.clock import Clock
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

INTERVAL_SECONDS = 60.0
# Longer than Kafka keeps an event, and than any rate looks back; a post that was decided on is never forgotten.
KEEP_UNDECIDED = timedelta(days=14)
log = get_logger()


class Housekeeping(Rounds):
    """Once a minute; replicas may do so at the same time."""

    def __init__(self, repository: ModerationRepository, announcements: AnnouncementRepository, clock: Clock) -> None:
        super().__init__("moderation.housekeeping", clock, every=INTERVAL_SECONDS)
        self._repository = repository
        self._announcements = announcements

    async def round(self) -> bool:
        """One pass."""
        rows = await self._repository.purge(self._clock.now() - KEEP_UNDECIDED)
        rows += await self._announcements.purge(PURGE_ROWS)
        log.debug("moderation.housekeeping_done", rows=rows)
        return False
