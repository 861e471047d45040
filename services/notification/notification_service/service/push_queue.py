"""What is to be pushed: put into the lane of pushes, for those who have a subscription at all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

from notification_service.models import Notification
from notification_service.repository.push import PushRepository
from rookery_common.clock import Clock

# So long after its making a subscription may have to wait for its first push.
KNOWN_SECONDS: Final = 20.0
KNOWN_ACCOUNTS: Final = 20_000


class Lane(Protocol):
    """Where pushes wait."""

    async def put(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then some of them may be there."""
        ...


class PushQueue:
    """Most recipients have no subscription, which is remembered for a moment."""

    def __init__(self, repository: PushRepository, lane: Lane, clock: Clock) -> None:
        self._repository = repository
        self._lane = lane
        self._clock = clock
        self._known: OrderedDict[int, tuple[float, bool]] = OrderedDict()

    async def offer(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then it is to be done again."""
        recipient_ids = list({each.recipient_id for each in notifications})
        answers = await asyncio.gather(*map(self._has_any, recipient_ids))
        wanted = {recipient_id for recipient_id, has_any in zip(recipient_ids, answers, strict=True) if has_any}
        due = [each for each in notifications if each.recipient_id in wanted]
        if due:
            await self._lane.put(due)

    async def _has_any(self, account_id: int) -> bool:
        now = self._clock.monotonic()
        known = self._known.get(account_id)
        if known is None or known[0] < now:
            known = (now + KNOWN_SECONDS, await self._repository.has_any(account_id))
            self._known[account_id] = known
            self._known.move_to_end(account_id)
            if len(self._known) > KNOWN_ACCOUNTS:
                self._known.popitem(last=False)
        return known[1]
