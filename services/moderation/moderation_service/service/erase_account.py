"""Erases what a deleted account has written in resolved reports, and what it has made of announcements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.repository import ModerationRepository
from rookery_common.clock import Clock
from rookery_common.erasure import ErasureStep

REPORTS_AT_ONCE: Final = 200
ROWS_AT_ONCE: Final = 200


class AccountErasure:
    """Open reports, by the account and about it, are kept until they are resolved: others need them to be."""

    def __init__(self, repository: ModerationRepository, announcements: AnnouncementRepository, clock: Clock) -> None:
        self._repository = repository
        self._announcements = announcements
        self._clock = clock

    @property
    def steps(self) -> Sequence[ErasureStep]:
        return (self._comments, self._reactions, self._dismissals)

    async def _comments(self, account_id: int) -> int:
        return await self._repository.erase_reporter(account_id, self._clock.now(), REPORTS_AT_ONCE)

    async def _reactions(self, account_id: int) -> int:
        return await self._announcements.erase_reactions(account_id, self._clock.now(), ROWS_AT_ONCE)

    async def _dismissals(self, account_id: int) -> int:
        return await self._announcements.erase_dismissals(account_id, ROWS_AT_ONCE)
