"""Telling: notifications go to CQL, which has all, then to the windows in Redis, then to whoever is looking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from notification_service.metrics import PUT_AWAY, TELL_SECONDS, TOLD
from notification_service.models import Act, Kind, Notification, Slot
from notification_service.placement import notification_of, seconds_to_live
from notification_service.repository.history import HistoryRepository
from notification_service.repository.windows import WindowRepository
from notification_service.service.channels import Channels
from rookery_common.clock import Clock
from rookery_common.ids import ms_of
from rookery_common.live.announcer import Announcer

# What is older is no news to a stream, as when a topic is read again from its beginning.
LIVE_MS: Final = 3_600_000


class Pushes(Protocol):
    """Where what is new goes on to browsers that are closed."""

    async def offer(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then it is to be done again."""
        ...


class Teller:
    """Writes what recipients are told, and puts it away when it holds no longer.

    Doing either again changes nothing in lists, nor does the order of the two. Streams may be told twice: who listens
    knows the id.
    """

    def __init__(
        self,
        history: HistoryRepository,
        windows: WindowRepository,
        live: Announcer[Notification],
        pushes: Pushes,
        channels: Channels,
        clock: Clock,
    ) -> None:
        self._history = history
        self._windows = windows
        self._live = live
        self._pushes = pushes
        self._channels = channels
        self._clock = clock

    async def tell_acts(self, acts: Iterable[Act]) -> None:
        """Raises Unavailable: then it is to be done again."""
        await self.tell([notification_of(act) for act in acts if is_told(act)])

    async def tell(self, notifications: Sequence[Notification]) -> None:
        """Raises Unavailable: then it is to be done again. What is older than the history is left out."""
        now_ms = self._clock.unix_ms()
        notifications = [each for each in notifications if seconds_to_live(each.notification_id, now_ms) > 0]
        if not notifications:
            return
        with TELL_SECONDS.time():
            await self._history.add(notifications)
            await self._windows.put([(each.recipient_id, Slot(each.notification_id, each)) for each in notifications])
        for each in notifications:
            TOLD.labels(each.kind.name.lower()).inc()
        since_ms = now_ms - LIVE_MS
        news = [each for each in notifications if ms_of(each.notification_id) >= since_ms]
        await self._live.tell([([each.recipient_id], each) for each in await self._channels.streamed(news)])
        await self._pushes.offer(news)

    async def put_away(self, notifications: Sequence[Notification], why: str) -> None:
        """For good. Raises Unavailable: then it is to be done again."""
        if not notifications:
            return
        ids = [(each.recipient_id, each.notification_id) for each in notifications]
        await self._history.put_away(notifications)
        await self._windows.put([(recipient_id, Slot(number, None)) for recipient_id, number in ids])
        PUT_AWAY.labels(why).inc(len(ids))


def is_told(act: Act) -> bool:
    """Nobody is told of what they did themselves, save that their poll is over."""
    return act.recipient_id != act.account_id or act.kind is Kind.POLL
