"""What is to be pushed: put into the lane of pushes, for those who have a subscription at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from notification_service.models import Notification
from notification_service.repository.push import PushRepository
from notification_service.service.remembered import Remembered
from rookery_common.clock import Clock


class Lane(Protocol):
    """Where pushes wait."""

    async def put(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then some of them may be there."""
        ...


class PushQueue:
    """Most recipients have no subscription, which is remembered for a moment: so long a new one may have to wait."""

    def __init__(self, repository: PushRepository, lane: Lane, clock: Clock) -> None:
        self._has_any = Remembered(repository.has_any, clock)
        self._lane = lane

    async def offer(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then it is to be done again."""
        recipient_ids = list({each.recipient_id for each in notifications})
        answers = await asyncio.gather(*map(self._has_any.get, recipient_ids))
        wanted = {recipient_id for recipient_id, has_any in zip(recipient_ids, answers, strict=True) if has_any}
        due = [each for each in notifications if each.recipient_id in wanted]
        if due:
            await self._lane.put(due)
