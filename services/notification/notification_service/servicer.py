"""NotificationService as its callers see it: requests to the rules, and what they say back to answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

import grpc

from notification_service.errors import WrongId, WrongTimeline, WrongType
from notification_service.models import Kind, MarkedTimeline, Marker, Notification, NotificationPage, PageQuery
from notification_service.service.markers import Markers
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.notification.v1.notification_service_pb2_grpc import NotificationServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import Unauthenticated
from rookery_common.ids import MAX_ID, ms_of
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
        recipient_id = _recipient(READ_SCOPE)
        query = _query(request)
        if query and request.unread_only:
            query = replace(query, since_id=max(query.since_id, await self._markers.last_read(recipient_id)))
        page = await self._reader.page(recipient_id, query) if query else NotificationPage(())
        return pb.ListNotificationsResponse(
            notifications=[_message(each) for each in page.notifications],
            more=page.reached_id > 0,
            reached_id=page.reached_id,
        )

    async def GetNotification(self, request: pb.GetNotificationRequest, context: Context) -> pb.GetNotificationResponse:
        recipient_id = _recipient(READ_SCOPE)
        found = await self._reader.get(recipient_id, _id(request.notification_id))
        return pb.GetNotificationResponse(notification=_message(found))

    async def DismissNotification(
        self, request: pb.DismissNotificationRequest, context: Context
    ) -> pb.DismissNotificationResponse:
        await self._put_away.dismiss(_recipient(WRITE_SCOPE), _id(request.notification_id))
        return pb.DismissNotificationResponse()

    async def ClearNotifications(
        self, request: pb.ClearNotificationsRequest, context: Context
    ) -> pb.ClearNotificationsResponse:
        await self._put_away.clear(_recipient(WRITE_SCOPE))
        return pb.ClearNotificationsResponse()

    async def GetMarkers(self, request: pb.GetMarkersRequest, context: Context) -> pb.GetMarkersResponse:
        found = await self._markers.get(_recipient(READ_MARKERS_SCOPE), _timelines(request.timelines, "timelines"))
        return pb.GetMarkersResponse(markers=map(_marker, found))

    async def SetMarkers(self, request: pb.SetMarkersRequest, context: Context) -> pb.SetMarkersResponse:
        account_id = _recipient(WRITE_MARKERS_SCOPE)
        timelines = _timelines([marker.timeline for marker in request.markers], "markers")
        ids = [_id(marker.last_read_id, "last_read_id") for marker in request.markers]
        made = await self._markers.put(account_id, dict(zip(timelines, ids, strict=True)))
        return pb.SetMarkersResponse(markers=map(_marker, made))

    async def StreamNotifications(
        self, request_iterator: AsyncIterator[pb.StreamNotificationsRequest], context: Context
    ) -> AsyncIterator[pb.StreamNotificationsResponse]:
        async with aclosing(live_news(self._live, request_iterator)) as answers:
            async for news in answers:
                yield _news(news)


def _recipient(scope: str) -> int:
    identity = require_identity(scope)
    if not identity.account_id:
        raise Unauthenticated("notifications belong to somebody")
    return identity.account_id


def _id(number: int, field: str = "notification_id") -> int:
    if not 0 < number <= MAX_ID:
        raise WrongId(field)
    return number


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


def _query(request: pb.ListNotificationsRequest) -> PageQuery | None:
    """None where every type is excluded."""
    wanted = _kinds(request.types, "types") or frozenset(Kind)
    wanted -= _kinds(request.exclude_types, "exclude_types")
    if not wanted:
        return None
    return PageQuery(
        limit=request.limit,
        max_id=request.max_id,
        since_id=request.since_id,
        min_id=request.min_id,
        kinds=() if wanted == frozenset(Kind) else wanted,
        account_id=request.account_id,
    )


def _kinds(types: Iterable[int], field: str) -> frozenset[Kind]:
    try:
        return frozenset(Kind(number) for number in types)
    except ValueError:
        raise WrongType(field) from None


def _message(told: Notification) -> pb.Notification:
    message = pb.Notification(
        notification_id=told.notification_id,
        recipient_id=told.recipient_id,
        type=pb.NotificationType.ValueType(told.kind),
        account_id=told.account_id,
        post_id=told.post_id,
    )
    message.create_time.FromMilliseconds(ms_of(told.notification_id))
    return message


def _news(news: Sequence[News[Notification]]) -> pb.StreamNotificationsResponse:
    response = pb.StreamNotificationsResponse()
    for each in news:
        if each.item is None:
            response.gap_account_ids.extend(each.account_ids)
        else:
            response.notifications.append(_message(each.item))
    return response
