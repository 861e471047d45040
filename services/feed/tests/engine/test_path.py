"""From Kafka to homes, over real engines: in time, all of it, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest_asyncio
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from feed_service.consumers import (
    FANOUT_GROUP,
    POST_GROUP,
    POST_TOPIC,
    USER_GROUP,
    USER_TOPIC,
    FanOutHandler,
    PostEventsHandler,
    UserEventsHandler,
)
from feed_service.events import FANOUT_TOPIC, BulkLane
from feed_service.models import Change, Entry, HomePage, PageQuery, PostChange
from feed_service.repository.follows import FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.public import PublicTimelines
from rookery.post.v1.events_pb2 import PostCreated
from rookery.post.v1.post_pb2 import Post, PostState, Visibility
from rookery.user.v1.events_pb2 import Follow, FollowCreated, FollowEnded
from rookery_common.clients.cassandra import Cql
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer
from rookery_common.testing import FakeClock
from rookery_common.testing.consuming import group_on_trial, prove

Delivered = Callable[[Entry], Awaitable[list[int]]]
ALICE = 101
FOLLOWERS = range(1_000, 2_000)
DELIVERED_SECONDS = 50.0


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Producer]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    topics = [NewTopic(topic_prefix + name, 2, 1) for name in (POST_TOPIC, USER_TOPIC, FANOUT_TOPIC)]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    client = Producer(kafka_bootstrap, "test", topic_prefix)
    await client.start()
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def consumers(
    producer: Producer,
    fan_out: FanOut,
    public: PublicTimelines,
    marks: MarkRepository,
    keeper: FollowKeeper,
    clock: FakeClock,
    kafka_bootstrap: str,
    topic_prefix: str,
) -> AsyncIterator[None]:
    make = partial(Consumer, kafka_bootstrap, dead_letters=producer, service="feed", topic_prefix=topic_prefix)
    post_events = PostEventsHandler(fan_out, public, marks, BulkLane(producer, clock))
    members = [
        make(FANOUT_GROUP, [FANOUT_TOPIC], FanOutHandler(fan_out)),
        make(USER_GROUP, [USER_TOPIC], UserEventsHandler(keeper), batch=True),
        make(POST_GROUP, [POST_TOPIC], post_events, batch=True),
    ]
    for member in members:
        await member.start()
    yield
    for member in members:
        await member.stop()


def _created(entry: Entry, clock: FakeClock) -> Event:
    post = Post(
        post_id=entry.entry_id,
        author_id=entry.author_id,
        state=PostState.POST_STATE_VISIBLE,
        visibility=Visibility.VISIBILITY_PUBLIC,
        version=1,
    )
    key = str(entry.entry_id)
    return new_event(POST_TOPIC, key, PostCreated(post=post), version=1, clock=clock, source="post")


def _followed(reader_id: int, clock: FakeClock) -> Event:
    follow = Follow(follower_id=reader_id, followee_id=ALICE, active=True, reblogs=True, version=1)
    key = f"{reader_id}:{ALICE}"
    return new_event(USER_TOPIC, key, FollowCreated(follow=follow), version=1, clock=clock, source="user")


async def _until_delivered(delivered: Delivered, entry: Entry, count: int) -> list[int]:
    async with asyncio.timeout(DELIVERED_SECONDS):
        while len(readers := await delivered(entry)) < count:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
    return readers


async def test_a_post_is_in_the_homes_of_a_thousand_followers_once(
    consumers: None,
    producer: Producer,
    follows: FollowRepository,
    delivered: Delivered,
    home: HomeReader,
    people: Any,
    entries: Any,
    clock: FakeClock,
) -> None:
    for first_of in range(0, len(FOLLOWERS), 50):
        await asyncio.gather(*(people.follows(reader_id, ALICE) for reader_id in FOLLOWERS[first_of : first_of + 50]))
    asked = [(reader_id, PageQuery(20)) for reader_id in FOLLOWERS[:64]]
    await home.pages(asked)
    first, post = entries.make(), entries.make()
    await producer.send(_created(first, clock))
    await _until_delivered(delivered, first, 1001)

    event = _created(post, clock)
    await producer.send(event)
    # Two seconds on an idle machine, which `make bench` shows; here other tests run beside it.
    assert await _until_delivered(delivered, post, 1001) == [ALICE, *FOLLOWERS]

    last = entries.make(999)
    await producer.send_all([event, event, _created(last, clock)])
    await _until_delivered(delivered, last, 1)
    for answer in await home.pages(asked):
        assert isinstance(answer, HomePage)
        assert [entry.entry_id for entry in answer.entries] == [post.entry_id, first.entry_id]


async def test_a_follow_told_of_by_kafka_brings_what_was_posted_before_and_what_is_posted_after(
    consumers: None,
    producer: Producer,
    delivered: Delivered,
    home: HomeReader,
    posts: Any,
    entries: Any,
    clock: FakeClock,
) -> None:
    before, after = entries.make(), entries.make()
    posts.by_author[ALICE] = [before]
    await producer.send(_followed(7, clock))
    assert await _until_delivered(delivered, before, 1) == [7]
    await producer.send(_created(after, clock))
    assert await _until_delivered(delivered, after, 2) == [7, ALICE]
    (page,) = await home.pages([(7, PageQuery(20))])
    assert page == HomePage([after, before], False)


async def test_whatever_becomes_of_the_group_a_home_has_each_post_once(
    fan_out: FanOut,
    public: PublicTimelines,
    marks: MarkRepository,
    bulk: Any,
    home: HomeReader,
    people: Any,
    entries: Any,
    clock: FakeClock,
    kafka_bootstrap: str,
    topic_prefix: str,
) -> None:
    await people.follows(7, ALICE)
    made = entries.many(20)

    async def shown() -> list[int]:
        (page,) = await home.pages([(7, PageQuery(80))])
        assert isinstance(page, HomePage)
        return [entry.entry_id for entry in page.entries]

    events, handler = [_created(entry, clock) for entry in made], PostEventsHandler(fan_out, public, marks, bulk)
    async with group_on_trial(kafka_bootstrap, topic_prefix, POST_GROUP, POST_TOPIC, handler) as trial:
        expected = [entry.entry_id for entry in made[::-1]]
        assert await prove(trial, events[:12], events[12:], shown) == expected


async def test_whatever_becomes_of_the_group_a_follow_holds_as_it_was_last_told_of(
    keeper: FollowKeeper, follows: FollowRepository, clock: FakeClock, kafka_bootstrap: str, topic_prefix: str
) -> None:
    begun = [_followed(reader_id, clock) for reader_id in (7, 8)]
    ended = Follow(follower_id=8, followee_id=ALICE, active=False, version=2)
    end = new_event(USER_TOPIC, f"8:{ALICE}", FollowEnded(follow=ended), version=2, clock=clock, source="user")

    async def following() -> list[int]:
        return [reader_id for reader_id in (7, 8) if ALICE in (await follows.following(reader_id)).authors]

    handler = UserEventsHandler(keeper)
    async with group_on_trial(kafka_bootstrap, topic_prefix, USER_GROUP, USER_TOPIC, handler, alone=True) as trial:
        assert await prove(trial, begun, [end], following) == [7]


async def test_followers_beyond_a_bucket_are_all_delivered_to(
    fan_out: FanOut, cql: Cql, delivered: Delivered, people: Any, entries: Any
) -> None:
    """The engine's buckets hold 50 here; every 64th follow looks whether a new one is due."""
    readers = range(1_001, 1_601)
    for reader_id in readers:
        await people.follows(reader_id, ALICE)
    rows = await cql.execute("follower_buckets", (ALICE,))
    assert rows[0].buckets > 1
    post = entries.make()
    parts = await fan_out.apply([PostChange(Change.VISIBLE, post.entry_id, ALICE)])
    assert [part.bucket for part in parts] == list(range(1, rows[0].buckets))
    before = await delivered(post)
    for part in [*parts, *parts]:
        await fan_out.deliver(part)
    assert await delivered(post) == [ALICE, *readers]
    assert 1 < len(before) < 1 + len(readers), "the first bucket does not wait for the others"
