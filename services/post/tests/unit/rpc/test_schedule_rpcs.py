"""Scheduled posts through real stubs, tokens and interceptors."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from rookery.post.v1 import post_pb2
from rookery.post.v1 import schedule_service_pb2 as pb
from rookery.post.v1.poll_pb2 import PollDraft
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Tokens

POST = CreatePostRequest(
    text="Later",
    visibility=post_pb2.VISIBILITY_PRIVATE,
    language="de",
    application_name="Demo",
    poll=PollDraft(options=["tea", "coffee"], expires_in_seconds=300, multiple=True),
    request_id="key",
    quote_policy=post_pb2.QUOTE_POLICY_NOBODY,
    reply_policy=post_pb2.REPLY_POLICY_EVERYONE,
)


def after(clock: FakeClock, **lead: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(clock.now() + timedelta(**lead))
    return moment


async def test_what_is_scheduled_is_shown_as_it_was_asked_for_until_it_is_deleted(
    schedule_client: RpcClient, tokens: Tokens, clock: FakeClock
) -> None:
    alice, due = tokens.identity(101), after(clock, hours=1)
    request = pb.SchedulePostRequest(post=POST, publish_time=due)
    made = (await schedule_client.call("SchedulePost", request, timeout=5, identity=alice)).scheduled
    assert (made.post, made.publish_time, made.failure_reason) == (POST, due, "")
    number, later = made.scheduled_id, after(clock, hours=2)
    move = pb.UpdateScheduledPostRequest(scheduled_id=number, publish_time=later)
    moved = (await schedule_client.call("UpdateScheduledPost", move, timeout=5, identity=alice)).scheduled
    get = pb.GetScheduledPostRequest(scheduled_id=number)
    assert (await schedule_client.call("GetScheduledPost", get, timeout=5, identity=alice)).scheduled == moved
    assert moved.publish_time == later
    listed = await schedule_client.call("ListScheduledPosts", pb.ListScheduledPostsRequest(), timeout=5, identity=alice)
    assert (list(listed.scheduled), listed.reached_id) == ([moved], 0)
    delete = pb.DeleteScheduledPostRequest(scheduled_id=number)
    await schedule_client.call("DeleteScheduledPost", delete, timeout=5, identity=alice)
    with pytest.raises(AppError) as caught:
        await schedule_client.call("GetScheduledPost", get, timeout=5, identity=alice)
    assert (caught.value.status, caught.value.reason) == (Status.NOT_FOUND, "SCHEDULED_NOT_FOUND")


async def test_too_soon_is_refused_by_its_field_and_too_many_by_their_reason(
    schedule_client: RpcClient, tokens: Tokens, clock: FakeClock
) -> None:
    alice, post = tokens.identity(101), CreatePostRequest(text="x", visibility=post_pb2.VISIBILITY_PUBLIC)
    for moment in (after(clock, minutes=4), Timestamp(), Timestamp(seconds=2**60)):
        request = pb.SchedulePostRequest(post=post, publish_time=moment)
        with pytest.raises(AppError) as caught:
            await schedule_client.call("SchedulePost", request, timeout=5, identity=alice)
        assert [each.field for each in caught.value.fields] == ["scheduled_at"]
    request = pb.SchedulePostRequest(post=post, publish_time=after(clock, minutes=10))
    for _ in range(25):
        await schedule_client.call("SchedulePost", request, timeout=5, identity=alice)
    with pytest.raises(AppError) as caught:
        await schedule_client.call("SchedulePost", request, timeout=5, identity=alice)
    assert (caught.value.status, caught.value.reason) == (Status.FAILED_PRECONDITION, "TOO_MANY_SCHEDULED")


@pytest.mark.parametrize(
    ("request_type", "scope"),
    [
        (pb.SchedulePostRequest, "read"),
        (pb.UpdateScheduledPostRequest, "read"),
        (pb.DeleteScheduledPostRequest, "read"),
        (pb.GetScheduledPostRequest, "write"),
        (pb.ListScheduledPostsRequest, "write"),
    ],
)
async def test_each_needs_a_user_and_the_scope(
    schedule_client: RpcClient, tokens: Tokens, request_type: type[Message], scope: str
) -> None:
    method = request_type.DESCRIPTOR.name.removesuffix("Request")
    for who, status in (
        (None, Status.UNAUTHENTICATED),
        (tokens.identity(0), Status.PERMISSION_DENIED),
        (tokens.identity(101, scopes=[scope]), Status.PERMISSION_DENIED),
    ):
        with pytest.raises(AppError) as caught:
            await schedule_client.call(method, request_type(), timeout=5, identity=who)
        assert caught.value.status == status
