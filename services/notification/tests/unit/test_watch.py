"""Each new post of an author is told to those who want to hear of it, once, and of nothing else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from notification_service.consumers import POST_TOPIC, USER_TOPIC, ActsHandler, PostEventsHandler, UserEventsHandler
from notification_service.models import Kind, Watch
from notification_service.repository.watchers import WatcherRepository
from notification_service.service import watch
from notification_service.service.edits import EditTeller
from notification_service.service.posts import PostTeller
from notification_service.service.tell import Teller
from notification_service.service.watch import WatchTeller
from rookery.post.v1.events_pb2 import PostCreated, PostUpdated
from rookery.post.v1.post_pb2 import Mention, Post, PostState, Visibility
from rookery.user.v1.events_pb2 import FollowCreated, FollowEnded, FollowUpdated
from rookery_common.ids import lowest_id_at, ms_of
from rookery_common.kafka.events import Event, new_event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden_message

FOLLOW = cast(FollowCreated, golden_message(USER_TOPIC, "FollowCreated")).follow
ALICE, BOB = FOLLOW.followee_id, FOLLOW.follower_id


@pytest.fixture
def posted(posts: PostTeller, watching: WatchTeller, edits: EditTeller) -> PostEventsHandler:
    return PostEventsHandler(posts, watching, edits)


@pytest.fixture
def followed(teller: Teller, watchers: WatcherRepository) -> UserEventsHandler:
    return UserEventsHandler(ActsHandler(teller), watchers)


def _post(clock: FakeClock, kind: Any = PostCreated, **fields: Any) -> Event:
    clock.advance(1)
    post_id = lowest_id_at(clock.unix_ms())
    fields = {"post_id": post_id, "author_id": ALICE, "state": PostState.POST_STATE_VISIBLE} | fields
    fields.setdefault("visibility", Visibility.VISIBILITY_PUBLIC)
    return new_event(POST_TOPIC, str(post_id), kind(post=Post(**fields)), version=1, clock=clock, source="post")


def _follow(kind: Any, version: int, clock: FakeClock, **fields: Any) -> Event:
    message = kind()
    message.follow.CopyFrom(FOLLOW)
    for name, value in (fields | {"version": version}).items():
        setattr(message.follow, name, value)
    return new_event(USER_TOPIC, f"{BOB}:{ALICE}", message, version=version, clock=clock, source="user")


async def test_a_wish_holds_from_its_follow_until_it_is_taken_back_or_the_follow_ends(
    posted: PostEventsHandler, followed: UserEventsHandler, lists: Any, clock: FakeClock
) -> None:
    seen: list[int] = []
    for event, is_told in (
        (_follow(FollowCreated, 1, clock), False),
        (_follow(FollowUpdated, 2, clock, notify=True), True),
        (_follow(FollowUpdated, 3, clock, notify=False), False),
        (_follow(FollowEnded, 4, clock, active=False), False),
        (_follow(FollowCreated, 5, clock, notify=True), True),
        (_follow(FollowEnded, 6, clock, active=False, notify=True), False),
        (_follow(FollowCreated, 7, clock), False),
    ):
        await followed([event])
        post = _post(clock)
        for _ in range(2):
            await posted([post])
        seen += [cast(Any, post.decode()).post.post_id] * is_told
        told = (await lists.page(BOB)).notifications
        assert [(each.kind, each.account_id, each.subject_id) for each in told] == [
            (Kind.STATUS, ALICE, post_id) for post_id in reversed(seen)
        ]
        assert [ms_of(each.notification_id) for each in told] == [ms_of(post_id) for post_id in reversed(seen)]


async def test_only_new_posts_that_answer_nobody_else_are_told(
    posted: PostEventsHandler, watchers: WatcherRepository, lists: Any, clock: FakeClock
) -> None:
    await watchers.put([Watch(ALICE, BOB, True, 1)])
    await posted(
        [
            _post(clock, reblog_of_id=5),
            _post(clock, in_reply_to_id=5, in_reply_to_account_id=103),
            _post(clock, visibility=Visibility.VISIBILITY_DIRECT),
            _post(clock, PostUpdated),
            _post(clock, state=PostState.POST_STATE_HELD),
        ]
    )
    assert await lists.of(BOB) == []
    await posted([_post(clock, mentions=[Mention(account_id=BOB)])])
    assert [kind for kind, _, _ in await lists.of(BOB)] == [Kind.MENTION]
    await posted([_post(clock, in_reply_to_id=5, in_reply_to_account_id=ALICE)])
    assert [kind for kind, _, _ in await lists.of(BOB)] == [Kind.STATUS, Kind.MENTION]


async def test_all_of_many_watchers_are_told(
    posted: PostEventsHandler,
    watchers: WatcherRepository,
    lists: Any,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "WATCHERS_AT_ONCE", 2)
    await watchers.put([Watch(ALICE, number, number != 3, 1) for number in range(1, 8)])
    await posted([_post(clock)])
    told = [number for number in range(1, 8) if await lists.of(number)]
    assert told == [1, 2, 4, 5, 6, 7]
