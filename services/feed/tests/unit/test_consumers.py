"""The golden events of others, and what feed makes of them; each also a second time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from feed_service.consumers import (
    ENGAGEMENT_TOPIC,
    POST_TOPIC,
    USER_TOPIC,
    EngagementHandler,
    FanOutHandler,
    PostEventsHandler,
    UserEventsHandler,
)
from feed_service.events import FANOUT_TOPIC, fan_out_due, part_of
from feed_service.models import Entry, HomePage, LiveKind, Mark, MarkKind, PageQuery, PublicQuery, Reason
from feed_service.repository.marks import MarkRepository
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.public import PublicTimelines
from rookery.feed.v1.events_pb2 import FanOutDue
from rookery.post.v1.engagement_events_pb2 import PostFavourited
from rookery.post.v1.events_pb2 import PostCreated, PostUpdated
from rookery.post.v1.post_pb2 import POST_STATE_HELD
from rookery.user.v1.events_pb2 import FollowCreated
from rookery_common.live.streams import LIVE_SHARDS
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_events, golden_message

FOLLOW = cast(FollowCreated, golden_message(USER_TOPIC, "FollowCreated")).follow
ALICE, BOB = FOLLOW.followee_id, FOLLOW.follower_id


def _post_id(name: str) -> int:
    return cast(PostCreated, golden_message(POST_TOPIC, name)).post.post_id


@pytest.fixture
def posts_handler(fan_out: FanOut, public: PublicTimelines, marks: MarkRepository, bulk: Any) -> PostEventsHandler:
    return PostEventsHandler(fan_out, public, marks, bulk)


@pytest.fixture
def users_handler(keeper: FollowKeeper) -> UserEventsHandler:
    return UserEventsHandler(keeper)


@pytest.fixture(autouse=True)
def _later(clock: FakeClock) -> None:
    """The examples are of the minutes after the clock's start."""
    clock.advance(600)


async def _home(home: HomeReader, reader_id: int) -> list[int]:
    (page,) = await home.pages([(reader_id, PageQuery(80))])
    assert isinstance(page, HomePage)
    return [entry.entry_id for entry in page.entries]


async def test_everybody_has_the_public_posts_of_the_examples(
    posts_handler: PostEventsHandler, public: PublicTimelines
) -> None:
    async def shown(*tags: str) -> list[int]:
        page = await public.page(PublicQuery(PageQuery(80), any_tags=frozenset(tags)))
        return [entry.entry_id for entry in page.entries]

    created, visible = _post_id("PostCreated"), _post_id("PostVisible")
    await posts_handler([golden(POST_TOPIC, name) for name in ("PostCreated", "PostCreated_reply", "PostVisible")])
    assert await shown() == [visible, created]
    assert await shown("birds") == [created]
    # They tell that one of the two was deleted.
    for _ in range(2):
        await posts_handler(golden_events(POST_TOPIC))
    assert await shown() == [visible]
    assert await shown("birds") == []


async def test_a_follower_has_the_posts_of_the_examples(
    posts_handler: PostEventsHandler, users_handler: UserEventsHandler, home: HomeReader
) -> None:
    for _ in range(2):
        await users_handler([golden(USER_TOPIC, "FollowCreated")])
        await posts_handler(golden_events(POST_TOPIC))
    seen = ["PostCreated", "PostCreated_reply", "PostCreated_direct", "PostVisible", "PostCreated_reblog"]
    assert await _home(home, BOB) == sorted({_post_id(name) for name in seen}, reverse=True)


async def test_a_held_post_is_told_to_nobody(posts_handler: PostEventsHandler, store: Any, streams: Any) -> None:
    before = {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}
    await posts_handler([golden(POST_TOPIC, "PostCreated_held")])
    assert set(store.timelines) == {ALICE}
    assert await streams.read(before) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PostCreated", LiveKind.UPDATE),
        ("PostVisible", LiveKind.UPDATE),
        ("PostUpdated", LiveKind.STATUS_UPDATE),
        ("PostUpdated_removed", LiveKind.DELETE),
        ("PostDeleted", LiveKind.DELETE),
    ],
)
async def test_streams_are_told_what_happened(
    posts_handler: PostEventsHandler, streams: Any, name: str, kind: LiveKind
) -> None:
    before = {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}
    await posts_handler([golden(POST_TOPIC, name)])
    (message,) = await streams.read(before)
    assert (message.item.kind, message.item.entry_id) == (kind, _post_id(name))


async def test_what_is_held_after_it_was_seen_is_told_to_be_gone(
    posts_handler: PostEventsHandler, people: Any, streams: Any
) -> None:
    await people.follows(BOB, ALICE)
    before = {shard: await streams.end(shard) for shard in range(LIVE_SHARDS)}
    updated = golden(POST_TOPIC, "PostUpdated")
    message = cast(PostUpdated, updated.decode())
    message.post.state = POST_STATE_HELD
    await posts_handler([replace(updated, payload=message.SerializeToString())])
    (heard,) = await streams.read(before)
    assert (heard.item.kind, list(heard.account_ids)) == (LiveKind.DELETE, [BOB])


async def test_follows_are_kept_as_their_events_tell(users_handler: UserEventsHandler, follows: Any) -> None:
    await users_handler([golden(USER_TOPIC, "FollowCreated")])
    assert (await follows.following(BOB)).authors == {ALICE}
    await users_handler([golden(USER_TOPIC, "FollowUpdated")])
    assert (await follows.following(BOB)).without_reblogs == {ALICE}
    await users_handler([golden(USER_TOPIC, "FollowEnded")])
    assert (await follows.following(BOB)).authors == frozenset()
    await users_handler([golden(USER_TOPIC, "FollowCreated")])
    assert (await follows.following(BOB)).authors == frozenset(), "an older version changes nothing"


async def test_of_what_a_poll_has_of_a_pair_the_last_holds(
    users_handler: UserEventsHandler, follows: Any, posts: Any, store: Any
) -> None:
    posts.by_author[ALICE] = [Entry(_post_id("PostCreated"), ALICE, Reason.FOLLOWED_AUTHOR)]
    names = ["FollowCreated", "FollowEnded", "FollowUpdated"]
    await users_handler([golden(USER_TOPIC, name) for name in names])
    assert (await follows.following(BOB)).authors == frozenset()
    assert store.timelines == {}, "nothing is brought of whom one follows no more"


@pytest.mark.parametrize("name", ["AccountCreated", "AccountUpdated"])
async def test_what_is_told_of_profiles_concerns_nobody_here(
    users_handler: UserEventsHandler, store: Any, name: str
) -> None:
    await users_handler([golden(USER_TOPIC, name)])
    assert store.reads == []


async def test_a_poll_without_anything_for_timelines_does_nothing(posts_handler: PostEventsHandler, store: Any) -> None:
    await posts_handler([golden(USER_TOPIC, "AccountCreated")])
    await posts_handler([])
    assert store.reads == []


async def test_what_readers_answer_and_favourite_says_whose_posts_they_like(
    posts_handler: PostEventsHandler, marks: MarkRepository
) -> None:
    handler = EngagementHandler(marks)
    reply = cast(PostCreated, golden_message(POST_TOPIC, "PostCreated_reply")).post
    favourite = cast(PostFavourited, golden_message(ENGAGEMENT_TOPIC, "PostFavourited")).favourite
    liked = Mark(favourite.post_id, favourite.post_author_id, MarkKind.FAVOURITE)
    for _ in range(2):
        await posts_handler([golden(POST_TOPIC, "PostCreated_reply")])
        await handler([golden(ENGAGEMENT_TOPIC, "PostFavourited"), golden(POST_TOPIC, "PostCreated")])
    assert liked in await marks.newest(favourite.account_id, 10)
    answered = await marks.newest(reply.author_id, 10)
    assert Mark(reply.post_id, reply.in_reply_to_account_id, MarkKind.REPLY) in answered
    await handler(golden_events(ENGAGEMENT_TOPIC))
    await handler([golden(ENGAGEMENT_TOPIC, "PostFavourited")])
    assert liked not in await marks.newest(favourite.account_id, 10), (
        "it was taken back, and an older version changes nothing"
    )


async def test_a_part_of_a_large_fan_out_is_told_as_in_the_example_and_done(
    fan_out: FanOut, follows: Any, people: Any, store: Any, clock: FakeClock
) -> None:
    due = golden(FANOUT_TOPIC, "FanOutDue")
    message = cast(FanOutDue, due.decode())
    told = fan_out_due(part_of(message), clock)
    assert (told.topic, told.key, told.decode()) == (FANOUT_TOPIC, due.key, message)
    await people.follows(BOB, message.author_id)
    for _ in range(2):
        await FanOutHandler(fan_out)(due)
    assert set(store.timelines) == {BOB}
