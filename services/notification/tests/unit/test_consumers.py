"""The golden events of others, and what notification makes of them; each also a second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from notification_service.consumers import (
    AUTH_TOPIC,
    DECISION_TOPIC,
    ENGAGEMENT_TOPIC,
    MESSAGE_TOPIC,
    POST_TOPIC,
    USER_TOPIC,
    ActsHandler,
    DecisionsHandler,
    EngagementHandler,
    MessagesHandler,
    PostEventsHandler,
    PushesHandler,
    SessionsHandler,
)
from notification_service.errors import WrongId
from notification_service.events import PUSH_TOPIC, push_due
from notification_service.models import Kind
from notification_service.push_models import Due
from notification_service.service.decisions import DecisionTeller
from notification_service.service.edits import EditTeller
from notification_service.service.polls import PollTeller
from notification_service.service.posts import PostTeller
from notification_service.service.push import Subscriptions
from notification_service.service.pusher import Pusher
from notification_service.service.standing import StandingTeller
from notification_service.service.tell import Teller
from notification_service.service.watch import WatchTeller
from rookery.post.v1.engagement_events_pb2 import Favourite, PostFavourited
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted, PostUpdated
from rookery.post.v1.post_pb2 import Mention, Post, PostState
from rookery.user.v1.events_pb2 import Follow, FollowCreated
from rookery.user.v1.relationship_events_pb2 import FollowRequested
from rookery_common.ids import ms_of
from rookery_common.kafka.events import Event, new_event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_events, golden_message

FOLLOW = cast(FollowCreated, golden_message(USER_TOPIC, "FollowCreated")).follow
ALICE, BOB = FOLLOW.followee_id, FOLLOW.follower_id
FAVOURITE = cast(PostFavourited, golden_message(ENGAGEMENT_TOPIC, "PostFavourited")).favourite


def _post(name: str) -> Post:
    return cast(PostCreated, golden_message(POST_TOPIC, name)).post


@pytest.fixture
def posts_handler(posts: PostTeller, watching: WatchTeller, edits: EditTeller, authors: Any) -> PostEventsHandler:
    authors.by_post[_post("PostCreated_reblog").reblog_of_id] = ALICE
    return PostEventsHandler(posts, watching, edits)


@pytest.fixture
def acts_handler(teller: Teller) -> ActsHandler:
    return ActsHandler(teller)


@pytest.fixture(autouse=True)
def _later(clock: FakeClock) -> None:
    """The examples are of the minutes after the clock's start."""
    clock.advance(600)


async def test_the_posts_of_the_examples_tell_whom_they_name_and_whom_they_show_again(
    posts_handler: PostEventsHandler, lists: Any
) -> None:
    reply, reblog, direct = _post("PostCreated_reply"), _post("PostCreated_reblog"), _post("PostCreated_direct")
    kept = [event for event in golden_events(POST_TOPIC) if not isinstance(event.decode(), PostDeleted)]
    for _ in range(2):
        await posts_handler(kept)
        assert set(await lists.of(ALICE)) >= {
            (Kind.MENTION, BOB, reply.post_id),
            (Kind.REBLOG, BOB, reblog.reblog_of_id),
        }
        assert (Kind.MENTION, ALICE, _post("PostCreated").post_id) in await lists.of(BOB)
        for mention in direct.mentions:
            assert (Kind.MENTION, direct.author_id, direct.post_id) in await lists.of(mention.account_id)
    await posts_handler([golden(POST_TOPIC, "PostDeleted")])
    assert (Kind.MENTION, ALICE, _post("PostDeleted").post_id) not in await lists.of(BOB)


async def test_a_held_post_tells_nobody_until_it_may_be_seen(
    posts_handler: PostEventsHandler, lists: Any, clock: FakeClock
) -> None:
    post = Post(post_id=9, author_id=BOB, mentions=[Mention(account_id=ALICE)], state=PostState.POST_STATE_HELD)
    held = new_event(POST_TOPIC, "9", PostCreated(post=post), version=1, clock=clock, source="post")
    await posts_handler([held])
    assert await lists.of(ALICE) == []
    clock.advance(3_600)
    visible = golden(POST_TOPIC, "PostVisible").decode()
    post.state = PostState.POST_STATE_VISIBLE
    cast(Any, visible).post.CopyFrom(post)
    shown = new_event(POST_TOPIC, "9", visible, version=2, clock=clock, source="post")
    for _ in range(2):
        await posts_handler([held, shown])
        (told,) = (await lists.page(ALICE)).notifications
        assert (told.kind, ms_of(told.notification_id)) == (Kind.MENTION, clock.unix_ms())


async def test_a_follow_is_told_at_its_own_time_until_it_ends(acts_handler: ActsHandler, lists: Any) -> None:
    for name in ("FollowCreated", "FollowCreated", "FollowUpdated"):
        await acts_handler([golden(USER_TOPIC, name)])
        (told,) = (await lists.page(ALICE)).notifications
        assert (told.kind, told.account_id, told.subject_id) == (Kind.FOLLOW, BOB, 0)
        assert ms_of(told.notification_id) == FOLLOW.follow_time.ToMilliseconds()
    for name in ("FollowEnded", "FollowCreated"):
        await acts_handler([golden(USER_TOPIC, name)])
        assert await lists.of(ALICE) == []


async def test_a_request_to_follow_is_told_until_it_is_done_with(
    acts_handler: ActsHandler, lists: Any, clock: FakeClock
) -> None:
    asked = cast(FollowRequested, golden_message(USER_TOPIC, "FollowRequested")).follow
    for _ in range(2):
        await acts_handler([golden(USER_TOPIC, "FollowRequested")])
        assert await lists.of(ALICE) == [(Kind.FOLLOW_REQUEST, BOB, 0)]
    for name in ("FollowRequestEnded", "FollowRequested"):
        await acts_handler([golden(USER_TOPIC, name)])
        assert await lists.of(ALICE) == []
    again, granted = Follow(), Follow()
    again.CopyFrom(asked)
    again.request_time.FromMilliseconds(clock.unix_ms())
    granted.CopyFrom(again)
    granted.active, granted.requested = True, False
    granted.follow_time.FromMilliseconds(clock.unix_ms() + 5)
    key = f"{BOB}:{ALICE}"
    requested = new_event(USER_TOPIC, key, FollowRequested(follow=again), version=6, clock=clock, source="user")
    created = new_event(USER_TOPIC, key, FollowCreated(follow=granted), version=7, clock=clock, source="user")
    await acts_handler([requested])
    assert await lists.of(ALICE) == [(Kind.FOLLOW_REQUEST, BOB, 0)]
    for _ in range(2):
        await acts_handler([requested, created])
        assert await lists.of(ALICE) == [(Kind.FOLLOW, BOB, 0)]


async def test_a_favourite_is_told_until_it_is_taken_back(acts_handler: ActsHandler, lists: Any) -> None:
    author_id = FAVOURITE.post_author_id
    for _ in range(2):
        await acts_handler([golden(ENGAGEMENT_TOPIC, "PostFavourited")])
        assert await lists.of(author_id) == [(Kind.FAVOURITE, FAVOURITE.account_id, FAVOURITE.post_id)]
    for name in ("PostUnfavourited", "PostFavourited"):
        await acts_handler([golden(ENGAGEMENT_TOPIC, name)])
        assert await lists.of(author_id) == []


async def test_the_end_of_a_poll_is_told_to_who_asked_and_who_voted(
    acts_handler: ActsHandler, teller: Teller, authors: Any, lists: Any
) -> None:
    end = cast(Any, golden_message(ENGAGEMENT_TOPIC, "PollEnded")).end
    authors.voted[end.post_id, end.ballot] = [301, 302, 303]
    handler = EngagementHandler(acts_handler, PollTeller(teller, authors))
    for _ in range(2):
        await handler([golden(ENGAGEMENT_TOPIC, "PollEnded")])
        for recipient_id in (end.post_author_id, 301, 302, 303):
            assert await lists.of(recipient_id) == [(Kind.POLL, end.post_author_id, end.post_id)]


async def test_what_was_done_with_an_account_is_told_and_an_ended_session_is_pushed_to_no_longer(
    teller: Teller, lists: Any
) -> None:
    revoked = cast(Any, golden_message(AUTH_TOPIC, "SessionRevoked"))
    ended: list[tuple[int, int]] = []

    class Ended(Subscriptions):
        def __init__(self) -> None:
            """Keeps nothing."""

        async def delete(self, account_id: int, session_id: int) -> None:
            ended.append((account_id, session_id))

    for _ in range(2):
        ended.clear()
        await SessionsHandler(Ended(), teller)(list(golden_events(AUTH_TOPIC)))
        assert ended == [(revoked.account_id, revoked.session_id)]
        told = await lists.of(revoked.account_id)
        assert sorted(told) == [(Kind.SIGN_IN, 0, 0), (Kind.PASSWORD_CHANGED, 0, 0)]


async def test_what_is_put_into_the_lane_of_pushes_is_what_comes_out(clock: FakeClock) -> None:
    due: list[Due] = []

    class Noted(Pusher):
        def __init__(self) -> None:
            """Pushes nothing."""

        async def push(self, batch: Sequence[Due]) -> None:
            due.extend(batch)

    await PushesHandler(Noted())([golden(PUSH_TOPIC, "PushDue")])
    (told,) = [each.notification for each in due]
    assert (told.kind, told.recipient_id, told.account_id) == (Kind.MENTION, 815916279398400001, 815916279398400002)
    assert push_due(told, clock).decode() == golden_message(PUSH_TOPIC, "PushDue")


async def test_a_message_is_told_to_the_others_of_its_conversation(standing: StandingTeller, lists: Any) -> None:
    handler, sent = MessagesHandler(standing), cast(Any, golden_message(MESSAGE_TOPIC, "MessageSent"))
    sender_id, other_id = sent.member_ids
    for _ in range(2):
        await handler(list(golden_events(MESSAGE_TOPIC)))
        assert await lists.of(other_id) == [(Kind.MESSAGE, sender_id, sent.conversation_id)]
        assert await lists.of(sender_id) == []


async def test_a_post_that_was_taken_down_is_told_to_its_author_until_it_may_be_seen_again(
    standing: StandingTeller, posts_handler: PostEventsHandler, lists: Any, clock: FakeClock
) -> None:
    handler = DecisionsHandler(DecisionTeller(standing))
    decision = cast(Any, golden_message(DECISION_TOPIC, "PostDecided")).decision
    held, removed, visible = (golden(DECISION_TOPIC, f"PostDecided{name}") for name in ("_held", "", "_visible"))
    for _ in range(2):
        await handler([held, removed])
        assert await lists.of(decision.account_id) == [(Kind.MODERATION_WARNING, 0, decision.post_id)]
    gone = PostDeleted(post=Post(post_id=decision.post_id, author_id=decision.account_id))
    await posts_handler([new_event(POST_TOPIC, "1", gone, version=9, clock=clock, source="post")])
    assert len(await lists.of(decision.account_id)) == 1
    for events in ([visible], [held, removed, visible]):
        await handler(events)
        assert await lists.of(decision.account_id) == []


async def test_an_edit_is_told_to_those_who_show_the_post_again(
    posts_handler: PostEventsHandler, lists: Any, authors: Any, clock: FakeClock
) -> None:
    post = Post(post_id=9, author_id=BOB, state=PostState.POST_STATE_VISIBLE)
    authors.reblogged_by[9] = [103, 104, 105, ALICE, BOB]
    changed = new_event(POST_TOPIC, "9", PostUpdated(post=post), version=2, clock=clock, source="post")
    await posts_handler([changed])
    assert await lists.of(ALICE) == []
    post.edit_time.FromMilliseconds(clock.unix_ms())
    edited = new_event(POST_TOPIC, "9", PostUpdated(post=post), version=2, clock=clock, source="post")
    for _ in range(2):
        await posts_handler([edited])
        for recipient_id in (103, 104, 105, ALICE):
            assert await lists.of(recipient_id) == [(Kind.UPDATE, BOB, 9)]
        assert await lists.of(BOB) == []


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (FollowCreated(follow=Follow(follower_id=BOB)), "followee_id"),
        (FollowCreated(follow=Follow(followee_id=ALICE, follower_id=-1)), "follower_id"),
        (PostFavourited(favourite=Favourite(account_id=BOB, post_id=9)), "post_author_id"),
        (PostDeleted(post=Post()), "post_id"),
        (
            PostCreated(post=Post(post_id=9, author_id=BOB, mentions=[Mention()], state=PostState.POST_STATE_VISIBLE)),
            "mentions.account_id",
        ),
    ],
)
async def test_an_event_that_names_nobody_is_refused(
    acts_handler: ActsHandler, posts_handler: PostEventsHandler, clock: FakeClock, message: Any, field: str
) -> None:
    event: Event = new_event("t", "k", message, version=1, clock=clock, source="x")
    handler = posts_handler if isinstance(message, PostCreated | PostDeleted) else acts_handler
    with pytest.raises(WrongId) as refused:
        await handler([event])
    assert [violation.field for violation in refused.value.fields] == [field]


async def test_other_events_concern_nobody(
    acts_handler: ActsHandler, posts_handler: PostEventsHandler, store: Any
) -> None:
    await acts_handler([golden(USER_TOPIC, "AccountCreated"), golden(USER_TOPIC, "AccountUpdated")])
    await posts_handler([golden(POST_TOPIC, "PostUpdated_removed"), golden(POST_TOPIC, "PostCreated_held")])
    assert (store.told, store.put_away) == ({}, set())
