"""The notifications of one client's streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compositions import Compositions
from gateway_service.connections import NOTIFICATION_GAP, Connection
from gateway_service.live_news import NewsSource
from gateway_service.live_sources import REFILL
from gateway_service.streams import STREAMS, USER, USER_NOTIFICATION, Stream
from rookery.notification.v1.notification_service_pb2 import ListNotificationsRequest, Notification
from rookery_common.auth import Identity
from rookery_common.clock import Clock


class NotificationSource(NewsSource[Notification]):
    """To a token that may not read notifications nothing is said of them."""

    def __init__(
        self,
        connection: Connection,
        clients: Clients,
        composer: Composer,
        compositions: Compositions,
        clock: Clock,
        since_id: int,
    ) -> None:
        super().__init__("notification", NOTIFICATION_GAP, compositions, clock, since_id)
        self._connection = connection
        self._clients = clients
        self._composer = composer

    def _may_hear(self, viewer: Identity) -> bool:
        return viewer.has_scope(STREAMS[USER_NOTIFICATION.name])

    def _streams(self) -> tuple[Stream, ...]:
        return tuple(stream for stream in (USER, USER_NOTIFICATION) if stream in self._connection.streams)

    def _id(self, item: Notification) -> int:
        return item.notification_id

    async def _composed(self, viewer: Identity, items: Sequence[Notification]) -> Mapping[int, bytes]:
        return dict(await self._composer.notifications(viewer, items))

    async def _missed(self, viewer: Identity, since_id: int) -> dict[int, bytes]:
        answer = await self._clients.list_notifications(viewer, ListNotificationsRequest(limit=REFILL, min_id=since_id))
        return dict(await self._composed(viewer, list(reversed(answer.notifications))))
