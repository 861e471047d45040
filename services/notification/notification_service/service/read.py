"""Reading a recipient's list: from the window where there is one, else from CQL, which also fills it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from notification_service.errors import NotificationNotFound, WrongLimit
from notification_service.metrics import READS
from notification_service.models import MAX_PAGE, Notification, NotificationPage, PageQuery
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.windows import WINDOW_SLOTS, WindowPage, WindowRepository
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

# Rows read at a time, and in all before a page is answered short, or empty: what was put away is still stored, and a
# list may hold little of what is asked for. Such a page says where to go on.
SCAN_ROWS: Final = 200
MAX_SCAN_ROWS: Final = 4_000
log = get_logger()


class NotificationReader:
    """Pages of what recipients are told, without what was put away."""

    def __init__(self, windows: WindowRepository, notifications: NotificationRepository) -> None:
        self._windows = windows
        self._notifications = notifications

    async def get(self, recipient_id: int, number: int) -> Notification:
        """One of the recipient's. Raises NotificationNotFound."""
        slot, cleared = await asyncio.gather(
            self._notifications.get(recipient_id, number), self._notifications.cleared(recipient_id)
        )
        if slot is None or slot.notification is None or number <= cleared:
            raise NotificationNotFound("there is no such notification")
        return slot.notification

    async def page(self, recipient_id: int, query: PageQuery) -> NotificationPage:
        """Raises WrongLimit."""
        if not 1 <= query.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        try:
            found = await self._window(recipient_id, query)
        except RedisUnavailable as error:
            log.warning("read.windows_away", reason=error.reason)
            found = None
        if found is None:
            return await self._stored(recipient_id, query, query.high, ())
        reaches_down = query.low + 1 >= found.floor
        is_full = len(found.notifications) > query.limit and not query.upwards
        if reaches_down or is_full:
            READS.labels("window").inc()
            return _page(query, found.notifications)
        if query.upwards:
            return await self._stored(recipient_id, query, query.high, ())
        return await self._stored(recipient_id, query, min(found.floor, query.high), found.notifications)

    async def _window(self, recipient_id: int, query: PageQuery) -> WindowPage | None:
        """The window's answer, after filling it where there is none. Raises RedisUnavailable."""
        wanted = query.limit + 1
        found = await self._windows.read(recipient_id, query, wanted)
        if found is None:
            await self._fill(recipient_id)
            found = await self._windows.read(recipient_id, query, wanted)
        return found

    async def _fill(self, recipient_id: int) -> None:
        """Only what is read after the token was taken may be kept under it."""
        token = await self._windows.begin_fill(recipient_id)
        if token:
            cleared = await self._notifications.cleared(recipient_id)
            slots = await self._notifications.older(recipient_id, MAX_ID, cleared, WINDOW_SLOTS)
            floor = slots[-1].notification_id if len(slots) == WINDOW_SLOTS else 0
            await self._windows.finish_fill(recipient_id, token, slots, floor=floor, cleared=cleared)

    async def _stored(
        self, recipient_id: int, query: PageQuery, below: int, above_it: Sequence[Notification]
    ) -> NotificationPage:
        """What CQL has, below what the window had; one more than the limit tells whether there are others."""
        READS.labels("stored").inc()
        low = max(query.low, await self._notifications.cleared(recipient_id))
        kept, scanned = list(above_it), 0
        while True:
            if query.upwards:
                slots = await self._notifications.newer(recipient_id, below, low, SCAN_ROWS)
            else:
                slots = await self._notifications.older(recipient_id, below, low, SCAN_ROWS)
            told = [slot.notification for slot in slots if slot.notification is not None]
            kept += [each for each in told if query.wants(each)]
            scanned += len(slots)
            if len(kept) > query.limit or len(slots) < SCAN_ROWS:
                return _page(query, kept)
            reached_id = slots[-1].notification_id
            if scanned >= MAX_SCAN_ROWS:
                return _page(query, kept, reached_id)
            if query.upwards:
                low = reached_id
            else:
                below = reached_id


def _page(query: PageQuery, found: Sequence[Notification], reached_id: int = 0) -> NotificationPage:
    """`reached_id`: how far it was looked, where that was not to the end."""
    shown = found[: query.limit]
    if len(found) > query.limit:
        reached_id = shown[-1].notification_id
    return NotificationPage(shown[::-1] if query.upwards else shown, reached_id)
