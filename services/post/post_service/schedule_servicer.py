"""ScheduleService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from post_service.callers import require_user
from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.models import Draft, ListBounds
from post_service.poll_servicer import poll_request
from post_service.service.scheduled_posts import ScheduledPosts, ScheduledView
from post_service.servicer import draft_of
from rookery.post.v1 import post_pb2
from rookery.post.v1 import schedule_service_pb2 as pb
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery.post.v1.schedule_service_pb2_grpc import ScheduleServiceServicer

SERVICE_NAME: Final = "rookery.post.v1.ScheduleService"
WRITE: Final = "write:statuses"
READ: Final = "read:statuses"
Context = grpc.aio.ServicerContext[Any, Any]


class ScheduleServicer(ScheduleServiceServicer):
    """One method for each RPC."""

    def __init__(self, scheduled: ScheduledPosts, codec: PostCodec) -> None:
        self._scheduled = scheduled
        self._codec = codec

    async def SchedulePost(self, request: pb.SchedulePostRequest, context: Context) -> pb.SchedulePostResponse:
        author = require_user(WRITE)
        made = await self._scheduled.schedule(author, draft_of(request.post), _time(request.publish_time))
        return pb.SchedulePostResponse(scheduled=self._message(made))

    async def ListScheduledPosts(
        self, request: pb.ListScheduledPostsRequest, context: Context
    ) -> pb.ListScheduledPostsResponse:
        bounds = ListBounds(request.page_size, request.max_id, request.min_id, request.since_id)
        page = await self._scheduled.page(require_user(READ), bounds)
        return pb.ListScheduledPostsResponse(scheduled=map(self._message, page.views), reached_id=page.reached_id)

    async def GetScheduledPost(
        self, request: pb.GetScheduledPostRequest, context: Context
    ) -> pb.GetScheduledPostResponse:
        found = await self._scheduled.get(require_user(READ), request.scheduled_id)
        return pb.GetScheduledPostResponse(scheduled=self._message(found))

    async def UpdateScheduledPost(
        self, request: pb.UpdateScheduledPostRequest, context: Context
    ) -> pb.UpdateScheduledPostResponse:
        moved = await self._scheduled.move(require_user(WRITE), request.scheduled_id, _time(request.publish_time))
        return pb.UpdateScheduledPostResponse(scheduled=self._message(moved))

    async def DeleteScheduledPost(
        self, request: pb.DeleteScheduledPostRequest, context: Context
    ) -> pb.DeleteScheduledPostResponse:
        await self._scheduled.delete(require_user(WRITE), request.scheduled_id)
        return pb.DeleteScheduledPostResponse()

    def _message(self, view: ScheduledView) -> pb.ScheduledPost:
        scheduled = view.scheduled
        message = pb.ScheduledPost(
            scheduled_id=scheduled.scheduled_id,
            post=request_of(scheduled.draft),
            media=map(self._codec.media, view.media),
            failure_reason=scheduled.failure,
        )
        message.publish_time.FromDatetime(scheduled.due_at)
        return message


def _time(moment: Timestamp) -> datetime:
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField("scheduled_at", "ERR_INVALID", "is not a time") from None


def request_of(draft: Draft) -> CreatePostRequest:
    """What was asked for."""
    return CreatePostRequest(
        request_id=draft.request_id,
        text=draft.text,
        spoiler_text=draft.spoiler_text,
        sensitive=draft.sensitive,
        visibility=post_pb2.Visibility.ValueType(draft.visibility),
        language=draft.language,
        in_reply_to_id=draft.in_reply_to_id,
        media_ids=draft.media_ids,
        application_name=draft.application_name,
        application_website=draft.application_website,
        poll=poll_request(draft.poll) if draft.poll else None,
        quoted_id=draft.quoted_id,
        reply_policy=post_pb2.ReplyPolicy.ValueType(draft.reply_policy),
        quote_policy=post_pb2.QuotePolicy.ValueType(draft.quote_policy),
    )
