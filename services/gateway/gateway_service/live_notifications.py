"""The notifications of one client's streams: composed and filtered for it like a page that it reads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Final

from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compositions import Compositions, audience_of
from gateway_service.connections import NOTIFICATION_GAP, Connection, Item
from gateway_service.live_backlog import Backlog
from gateway_service.live_sources import REFILL, Frame, Sent
from gateway_service.streams import STREAMS, USER, USER_NOTIFICATION
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, Notification
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at, ms_of

# Notifications come by several topics side by side: one with a lower id may come this much later.
LATE_MS: Final = 60_000


class NotificationSource:
    """What a client is told since it came, or since what it has seen."""

    def __init__(
        self,
        connection: Connection,
        clients: Clients,
        composer: Composer,
        compositions: Compositions,
        clock: Clock,
        opened_ms: int,
    ) -> None:
        self._connection = connection
        self._clients = clients
        self._composer = composer
        self._compositions = compositions
        self._opened_ms = opened_ms
        self._sent = Sent(lowest_id_at(opened_ms))
        self.backlog: Backlog[Notification] = Backlog(NOTIFICATION_GAP, clock)

    def take(self, items: Sequence[Item]) -> None:
        """Keeps what is told, of what has arrived."""
        self.backlog.add(item for item in items if isinstance(item, Notification))

    async def frames(self, viewer: Identity) -> list[Frame]:
        """Of what is kept; to a token that may not read notifications nothing is said of them. Raises AppError: then it
        is kept still.
        """
        shown = await self._shown(viewer) if viewer.has_scope(STREAMS[USER_NOTIFICATION.name]) else {}
        self.backlog.clear()
        streams = tuple(stream for stream in (USER, USER_NOTIFICATION) if stream in self._connection.streams)
        return [
            Frame("notification", body, streams, number)
            for number, body in shown.items()
            if self._sent.first_time(number)
        ]

    async def _shown(self, viewer: Identity) -> dict[int, bytes]:
        """Those that were missed first."""
        told = [each for each in self.backlog.items if each.notification_id]
        missed: dict[int, bytes] = {}
        if len(told) < len(self.backlog.items):
            since_id = lowest_id_at(max(self._opened_ms, ms_of(self._sent.last_id) - LATE_MS))
            missed = await self._compositions.read(
                (self._group(viewer), since_id), partial(self._missed, viewer, since_id)
            )
        composed = await self._compositions.of(self._group(viewer), told, partial(self._composed, viewer))
        numbers = [each.notification_id for each in told]
        return missed | {number: composed[number] for number in numbers if number in composed}

    async def _composed(self, viewer: Identity, told: Sequence[Notification]) -> dict[int, bytes]:
        return dict(await self._composer.notifications(viewer, told))

    async def _missed(self, viewer: Identity, since_id: int) -> dict[int, bytes]:
        """Oldest first; a client with more to catch up on reads its notifications."""
        answer = await self._clients.list_notifications(viewer, ListNotificationsRequest(limit=REFILL, min_id=since_id))
        return await self._composed(viewer, list(reversed(answer.notifications)))

    def _group(self, viewer: Identity) -> Hashable:
        return "told", audience_of(viewer)
