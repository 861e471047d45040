"""AnnouncementService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from moderation_service.announcements.models import Announcement, Content, Reader
from moderation_service.announcements.service import Announcements
from moderation_service.errors import FieldInvalid
from moderation_service.servicer import timestamp, user_identity
from rookery.moderation.v1 import announcement_service_pb2 as pb
from rookery.moderation.v1.announcement_service_pb2_grpc import AnnouncementServiceServicer

SERVICE_NAME: Final = "rookery.moderation.v1.AnnouncementService"
READ, DISMISS, REACT = "read:accounts", "write:accounts", "write:favourites"
STAFF_READ, STAFF_WRITE = "admin:read", "admin:write"
Context = grpc.aio.ServicerContext[Any, Any]


class AnnouncementServicer(AnnouncementServiceServicer):
    """The RPCs of announcements."""

    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements

    async def ListAnnouncements(
        self, request: pb.ListAnnouncementsRequest, context: Context
    ) -> pb.ListAnnouncementsResponse:
        me = user_identity(READ).account_id
        found = await self._announcements.listed(me, with_dismissed=request.with_dismissed)
        return pb.ListAnnouncementsResponse(announcements=map(_encoded, found))

    async def GetAnnouncementFor(
        self, request: pb.GetAnnouncementForRequest, context: Context
    ) -> pb.GetAnnouncementForResponse:
        found, readers = await self._announcements.listed_for(request.announcement_id, request.account_ids)
        return pb.GetAnnouncementForResponse(announcement=_encoded(found), readers=map(_reader, readers))

    async def DismissAnnouncement(
        self, request: pb.DismissAnnouncementRequest, context: Context
    ) -> pb.DismissAnnouncementResponse:
        await self._announcements.dismiss(user_identity(DISMISS).account_id, request.announcement_id)
        return pb.DismissAnnouncementResponse()

    async def AddAnnouncementReaction(
        self, request: pb.AddAnnouncementReactionRequest, context: Context
    ) -> pb.AddAnnouncementReactionResponse:
        await self._announcements.react(user_identity(REACT).account_id, request.announcement_id, request.name)
        return pb.AddAnnouncementReactionResponse()

    async def RemoveAnnouncementReaction(
        self, request: pb.RemoveAnnouncementReactionRequest, context: Context
    ) -> pb.RemoveAnnouncementReactionResponse:
        await self._announcements.unreact(user_identity(REACT).account_id, request.announcement_id, request.name)
        return pb.RemoveAnnouncementReactionResponse()

    async def ListAllAnnouncements(
        self, request: pb.ListAllAnnouncementsRequest, context: Context
    ) -> pb.ListAllAnnouncementsResponse:
        found = await self._announcements.all(user_identity(STAFF_READ), request.max_id, request.page_size)
        return pb.ListAllAnnouncementsResponse(announcements=map(_encoded, found))

    async def CreateAnnouncement(
        self, request: pb.CreateAnnouncementRequest, context: Context
    ) -> pb.CreateAnnouncementResponse:
        staff, content = user_identity(STAFF_WRITE), _content(request.content)
        made = await self._announcements.create(staff, content, request.request_id)
        return pb.CreateAnnouncementResponse(announcement=_encoded(made))

    async def UpdateAnnouncement(
        self, request: pb.UpdateAnnouncementRequest, context: Context
    ) -> pb.UpdateAnnouncementResponse:
        staff, content = user_identity(STAFF_WRITE), _content(request.content)
        changed = await self._announcements.update(staff, request.announcement_id, content)
        return pb.UpdateAnnouncementResponse(announcement=_encoded(changed))

    async def DeleteAnnouncement(
        self, request: pb.DeleteAnnouncementRequest, context: Context
    ) -> pb.DeleteAnnouncementResponse:
        await self._announcements.delete(user_identity(STAFF_WRITE), request.announcement_id)
        return pb.DeleteAnnouncementResponse()


def _content(message: pb.AnnouncementContent) -> Content:
    return Content(
        text=message.text,
        starts_at=_moment("starts_at", message.start_time) if message.HasField("start_time") else None,
        ends_at=_moment("ends_at", message.end_time) if message.HasField("end_time") else None,
        all_day=message.all_day,
        published=message.published,
        scheduled_at=_moment("scheduled_at", message.schedule_time) if message.HasField("schedule_time") else None,
    )


def _moment(name: str, time: Timestamp) -> datetime:
    try:
        return time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise FieldInvalid(name, "is not a time") from None


def _encoded(announcement: Announcement) -> pb.Announcement:
    content = announcement.content
    return pb.Announcement(
        announcement_id=announcement.announcement_id,
        content=pb.AnnouncementContent(
            text=content.text,
            start_time=_optional(content.starts_at),
            end_time=_optional(content.ends_at),
            all_day=content.all_day,
            published=content.published,
            schedule_time=_optional(content.scheduled_at),
        ),
        create_time=timestamp(announcement.created_at),
        update_time=timestamp(announcement.updated_at),
        publish_time=_optional(announcement.published_at),
        read=announcement.read,
        reactions=[
            pb.AnnouncementReaction(name=each.name, count=each.count, me=each.me) for each in announcement.reactions
        ],
    )


def _reader(reader: Reader) -> pb.AnnouncementReader:
    return pb.AnnouncementReader(account_id=reader.account_id, read=reader.read, reactions=reader.reactions)


def _optional(time: datetime | None) -> Timestamp | None:
    return None if time is None else timestamp(time)
