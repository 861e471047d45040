"""NotificationService as its callers see it: requests to the rules, and what they say back to answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

import grpc

from notification_service.errors import WrongTimeline
from notification_service.messages import checked_id, notification_message, page_query
from notification_service.models import MarkedTimeline, Marker, Notification, NotificationPage
from notification_service.service.markers import Markers
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.notification.v1.notification_service_pb2_grpc import NotificationServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import Unauthenticated
from rookery_common.live.hub import LiveHub
from rookery_common.live.serving import live_news
from rookery_common.live.streams import News

READ_SCOPE: Final = "read:notifications"
WRITE_SCOPE: Final = "write:notifications"
# As Mastodon has them: markers are of timelines of statuses, too.
READ_MARKERS_SCOPE: Final = "read:statuses"
WRITE_MARKERS_SCOPE: Final = "write:statuses"
ALLOWED_CALLERS: Final = {"*": frozenset({"gateway"})}
Context = grpc.aio.ServicerContext[Any, Any]


class NotificationServicer(NotificationServiceServicer):
    """The RPCs of notification."""

    def __init__(
        self,
        reader: NotificationReader,
        put_away: PutAway,
        markers: Markers,
        live: LiveHub[Notification, Notification],
    ) -> None:
        self._reader = reader
        self._put_away = put_away
        self._markers = markers
        self._live = live

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        recipient_id = recipient(READ_SCOPE)
        query = page_query(request)
        if query and request.unread_only:
            query = replace(query, since_id=max(query.since_id, await self._markers.last_read(recipient_id)))
        page = await self._reader.page(recipient_id, query) if query else NotificationPage(())
        return pb.ListNotificationsResponse(
            notifications=[notification_message(each) for each in page.notifications],
            more=page.reached_id > 0,
            reached_id=page.reached_id,
        )

    async def GetNotification(self, request: pb.GetNotificationRequest, context: Context) -> pb.GetNotificationResponse:
        recipient_id = recipient(READ_SCOPE)
        found = await self._reader.get(recipient_id, checked_id(request.notification_id))
        return pb.GetNotificationResponse(notification=notification_message(found))

    async def DismissNotification(
        self, request: pb.DismissNotificationRequest, context: Context
    ) -> pb.DismissNotificationResponse:
        await self._put_away.dismiss(recipient(WRITE_SCOPE), checked_id(request.notification_id))
        return pb.DismissNotificationResponse()

    async def ClearNotifications(
        self, request: pb.ClearNotificationsRequest, context: Context
    ) -> pb.ClearNotificationsResponse:
        await self._put_away.clear(recipient(WRITE_SCOPE))
        return pb.ClearNotificationsResponse()

    async def GetMarkers(self, request: pb.GetMarkersRequest, context: Context) -> pb.GetMarkersResponse:
        found = await self._markers.get(recipient(READ_MARKERS_SCOPE), _timelines(request.timelines, "timelines"))
        return pb.GetMarkersResponse(markers=map(_marker, found))

    async def SetMarkers(self, request: pb.SetMarkersRequest, context: Context) -> pb.SetMarkersResponse:
        account_id = recipient(WRITE_MARKERS_SCOPE)
        timelines = _timelines([marker.timeline for marker in request.markers], "markers")
        ids = [checked_id(marker.last_read_id, "last_read_id") for marker in request.markers]
        made = await self._markers.put(account_id, dict(zip(timelines, ids, strict=True)))
        return pb.SetMarkersResponse(markers=map(_marker, made))

    async def StreamNotifications(
        self, request_iterator: AsyncIterator[pb.StreamNotificationsRequest], context: Context
    ) -> AsyncIterator[pb.StreamNotificationsResponse]:
        async with aclosing(live_news(self._live, request_iterator)) as answers:
            async for news in answers:
                yield _news(news)


def recipient(scope: str) -> int:
    """The caller, who must hold the scope and be somebody."""
    identity = require_identity(scope)
    if not identity.account_id:
        raise Unauthenticated("notifications belong to somebody")
    return identity.account_id


def _timelines(numbers: Sequence[int], field: str) -> list[MarkedTimeline]:
    try:
        found = [MarkedTimeline(number) for number in numbers]
    except ValueError:
        raise WrongTimeline(field) from None
    if len(set(found)) < len(found):
        raise WrongTimeline(field)
    return found


def _marker(marker: Marker) -> pb.Marker:
    message = pb.Marker(
        timeline=pb.MarkedTimeline.ValueType(marker.timeline),
        last_read_id=marker.last_read_id,
        version=marker.version,
    )
    message.update_time.FromDatetime(marker.update_time)
    return message


def _news(news: Sequence[News[Notification]]) -> pb.StreamNotificationsResponse:
    response = pb.StreamNotificationsResponse()
    for each in news:
        if each.item is None:
            response.gap_account_ids.extend(each.account_ids)
        else:
            response.notifications.append(notification_message(each.item))
    return response
