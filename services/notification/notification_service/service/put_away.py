"""What recipients put away themselves."""

from __future__ import annotations

from notification_service.metrics import PUT_AWAY
from notification_service.models import Slot
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.windows import WindowRepository
from notification_service.service.tell import Teller
from rookery_common.ids import MAX_ID


class PutAway:
    """Dismisses one notification, or clears the list.

    The window is told before CQL, so that nothing is done while Redis is away and would show it still; and again
    afterwards, for a window that was filled meanwhile.
    """

    def __init__(self, teller: Teller, notifications: NotificationRepository, windows: WindowRepository) -> None:
        self._teller = teller
        self._notifications = notifications
        self._windows = windows

    async def dismiss(self, recipient_id: int, number: int) -> None:
        """One, for good; one that is not there is nobody's loss."""
        slot = await self._notifications.get(recipient_id, number)
        if slot is not None:
            await self._windows.put([(recipient_id, Slot(number, None))])
        if slot is not None and slot.notification is not None:
            await self._teller.put_away([slot.notification], "dismissed")

    async def clear(self, recipient_id: int) -> None:
        """All that are there now; what is heard of later is not among them."""
        newest = await self._notifications.older(recipient_id, MAX_ID, 0, 1)
        if newest:
            await self._windows.forget(recipient_id)
            await self._notifications.clear(recipient_id, newest[0].notification_id)
            await self._windows.forget(recipient_id)
            PUT_AWAY.labels("cleared").inc()
