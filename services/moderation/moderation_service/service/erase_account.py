"""Erases what a deleted account has written in reports, once they are resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from moderation_service.repository import ModerationRepository
from rookery_common.clock import Clock
from rookery_common.erasure import ErasureStep

REPORTS_AT_ONCE: Final = 200


class AccountErasure:
    """Open reports, by the account and about it, are kept until they are resolved: others need them to be."""

    def __init__(self, repository: ModerationRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    @property
    def steps(self) -> Sequence[ErasureStep]:
        return (self._comments,)

    async def _comments(self, account_id: int) -> int:
        return await self._repository.erase_reporter(account_id, self._clock.now(), REPORTS_AT_ONCE)
