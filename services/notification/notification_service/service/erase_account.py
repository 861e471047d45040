"""Erases what is kept of a deleted account as a recipient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notification_service.repository.erasures import ErasureRepository
from notification_service.repository.windows import WindowRepository
from rookery_common.erasure import ErasureStep

ROWS_AT_ONCE: Final = 200


class AccountErasure:
    """What others are told of the account they put away, or the gateway leaves out, as for anybody who is gone."""

    def __init__(self, erasures: ErasureRepository, windows: WindowRepository) -> None:
        self._erasures = erasures
        self._windows = windows

    @property
    def steps(self) -> Sequence[ErasureStep]:
        """Choices go first, so that nothing is pushed or mailed any more."""
        return self._choices, self._notifications, self._lists

    async def _choices(self, account_id: int) -> int:
        await self._erasures.choices(account_id)
        return 0

    async def _notifications(self, account_id: int) -> int:
        return await self._erasures.notifications(account_id, ROWS_AT_ONCE)

    async def _lists(self, account_id: int) -> int:
        """The window is filled from the notifications, and so goes after them."""
        await self._erasures.heads(account_id)
        await self._windows.forget(account_id)
        return 0
