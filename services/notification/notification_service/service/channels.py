"""By which ways recipients want to be told: obeyed by all that tell beside the list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from notification_service.models import SECURITY, Notification
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.remembered import Remembered
from rookery_common.clock import Clock


class Channels:
    """As recipients' preferences were within the last 20 s."""

    def __init__(self, preferences: PreferenceRepository, clock: Clock) -> None:
        self._known = Remembered(preferences.get, clock)
        self._clock = clock

    async def streamed(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Those that go to open streams. Raises Unavailable."""
        recipient_ids = list({each.recipient_id for each in notifications})
        found = await asyncio.gather(*map(self._known.get, recipient_ids))
        by_recipient = dict(zip(recipient_ids, found, strict=True))
        return [each for each in notifications if each.kind not in by_recipient[each.recipient_id].not_streamed]

    async def lets_push(self, told: Notification) -> bool:
        """Whether it is pushed now; what is not, in quiet hours, is not pushed afterwards. Raises Unavailable."""
        if told.kind in SECURITY:
            return True
        preferences = await self._known.get(told.recipient_id)
        if told.kind in preferences.not_pushed:
            return False
        return preferences.quiet is None or not preferences.quiet.hold(self._clock.now())
