"""From Kafka to lists, over real engines: once, whatever dies, is repeated, or makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest_asyncio
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from notification_service.consumers import (
    ENGAGEMENT_GROUP,
    ENGAGEMENT_TOPIC,
    POST_GROUP,
    POST_TOPIC,
    USER_GROUP,
    USER_TOPIC,
    ActsHandler,
    PostEventsHandler,
    UserEventsHandler,
)
from notification_service.models import Act, Kind, NotificationPage, PostSeen
from notification_service.repository.watchers import WatcherRepository
from notification_service.service import tell
from notification_service.service.edits import EditTeller
from notification_service.service.posts import PostTeller
from notification_service.service.tell import Teller
from notification_service.service.watch import WatchTeller
from rookery.post.v1.engagement_events_pb2 import Favourite, PostFavourited, PostUnfavourited
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted
from rookery.post.v1.post_pb2 import Mention, Post, PostState
from rookery.user.v1.events_pb2 import Follow, FollowCreated, FollowEnded
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.handling import headers_of
from rookery_common.kafka.producer import Producer
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_at

ALICE, BOB = 101, 102
TOPICS = {USER_TOPIC: USER_GROUP, ENGAGEMENT_TOPIC: ENGAGEMENT_GROUP, POST_TOPIC: POST_GROUP}
Handlers = dict[str, Callable[[Any], Awaitable[None]]]


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Producer]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    names = [*TOPICS, *(f"{group}.dlq" for group in TOPICS.values())]
    topics = [NewTopic(topic_prefix + name, 2, 1) for name in names]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    client = Producer(kafka_bootstrap, "test", topic_prefix)
    await client.start()
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def handlers(
    teller: Teller, posts: PostTeller, watching: WatchTeller, edits: EditTeller, watchers: WatcherRepository
) -> Handlers:
    acts = ActsHandler(teller)
    users, posted = UserEventsHandler(acts, watchers), PostEventsHandler(posts, watching, edits)
    return {USER_TOPIC: users, ENGAGEMENT_TOPIC: acts, POST_TOPIC: posted}


class Members:
    """Consumers of all three topics, once more from the first offset where they are told a name of their own."""

    def __init__(self, bootstrap: str, prefix: str, producer: Producer, handlers: Handlers) -> None:
        self._make = partial(
            Consumer, bootstrap, dead_letters=producer, service="notification", topic_prefix=prefix, batch=True
        )
        self._handlers = handlers

    @asynccontextmanager
    async def running(self, again: str = "") -> AsyncIterator[None]:
        members = [self._make(group + again, [topic], self._handlers[topic]) for topic, group in TOPICS.items()]
        for member in members:
            await member.start()
        yield
        await asyncio.gather(*(member.stop() for member in members))


@pytest_asyncio.fixture
async def members(producer: Producer, kafka_bootstrap: str, topic_prefix: str, handlers: Handlers) -> Members:
    return Members(kafka_bootstrap, topic_prefix, producer, handlers)


def _followed(act: Act, clock: FakeClock, *, active: bool = True) -> Event:
    follow = Follow(follower_id=act.account_id, followee_id=act.recipient_id, active=active, version=1)
    follow.follow_time.FromMilliseconds(act.at_ms)
    message = FollowCreated(follow=follow) if active else FollowEnded(follow=follow)
    return new_event(USER_TOPIC, f"{act.account_id}:{ALICE}", message, version=1, clock=clock, source="user")


def _favourited(act: Act, clock: FakeClock, *, active: bool = True) -> Event:
    favourite = Favourite(
        post_id=act.subject_id, account_id=act.account_id, post_author_id=act.recipient_id, active=active
    )
    favourite.create_time.FromMilliseconds(act.at_ms)
    message = PostFavourited(favourite=favourite) if active else PostUnfavourited(favourite=favourite)
    key = f"{act.subject_id}:{act.account_id}"
    return new_event(ENGAGEMENT_TOPIC, key, message, version=1, clock=clock, source="post")


def _created(seen: PostSeen, clock: FakeClock) -> Event:
    post = Post(
        post_id=seen.post_id,
        author_id=seen.author_id,
        mentions=[Mention(account_id=account_id) for account_id in seen.mentioned],
        state=PostState.POST_STATE_VISIBLE,
    )
    message = PostCreated(post=post)
    return new_event(POST_TOPIC, str(seen.post_id), message, version=1, clock=clock, source="post")


def _deleted(seen: PostSeen, clock: FakeClock) -> Event:
    message = PostDeleted(post=Post(post_id=seen.post_id, author_id=seen.author_id))
    return new_event(POST_TOPIC, str(seen.post_id), message, version=2, clock=clock, source="post")


async def _until(lists: Any, accept: Callable[[NotificationPage], bool], seconds: float = 60) -> NotificationPage:
    async with asyncio.timeout(seconds):
        while not accept(page := await lists.page(ALICE)):  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.02)
    found: NotificationPage = page
    return found


def _dead_letters(bootstrap: str, prefix: str) -> dict[str, str]:
    """Reasons by the dead letters' topic."""
    consumer = KafkaConsumer(
        {"bootstrap.servers": bootstrap, "group.id": f"{prefix}look", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([f"{prefix}{group}.dlq" for group in TOPICS.values()])
    found: dict[str, str] = {}
    try:
        while len(found) < len(TOPICS) and (message := consumer.poll(20)) is not None:
            headers = dict(headers_of(message))
            found[(message.topic() or "").removeprefix(prefix)] = headers["dlq_reason"].decode()
    finally:
        consumer.close()
    return found


async def test_every_topic_tells_and_read_again_from_its_beginning_changes_nothing(
    members: Members, producer: Producer, lists: Any, acts: Any, windows: Any, clock: FakeClock
) -> None:
    follow, unfollowed = acts.make(Kind.FOLLOW), acts.make(Kind.FOLLOW, 103)
    favourite, taken_back = acts.make(), acts.make()
    mention, deleted = acts.post(ALICE), acts.post(ALICE)
    await producer.send_all(
        [
            *(_followed(follow, clock), _followed(unfollowed, clock), _followed(unfollowed, clock, active=False)),
            *(_favourited(favourite, clock), _favourited(taken_back, clock)),
            *(_favourited(taken_back, clock, active=False), _created(deleted, clock), _deleted(deleted, clock)),
        ]
    )
    async with members.running():
        await producer.send(_created(mention, clock))
        expected = [(Kind.MENTION, mention.post_id), (Kind.FAVOURITE, favourite.subject_id), (Kind.FOLLOW, 0)]
        page = await _until(
            lists, lambda page: [(each.kind, each.subject_id) for each in page.notifications] == expected
        )
    await windows.forget_everything()
    last = acts.make()
    async with members.running("-again"):
        await producer.send_all([_favourited(last, clock), _created(acts.post(ALICE), clock)])
        again = await _until(lists, lambda page: len(page.notifications) == 5)
    assert [each for each in again.notifications if each in page.notifications] == page.notifications


async def test_poison_goes_to_the_dead_letters_with_its_reason_and_the_rest_moves_on(
    members: Members,
    producer: Producer,
    lists: Any,
    acts: Any,
    clock: FakeClock,
    kafka_bootstrap: str,
    topic_prefix: str,
) -> None:
    nobody = new_event(
        USER_TOPIC, "1:0", FollowCreated(follow=Follow(follower_id=1)), version=1, clock=clock, source="x"
    )
    await producer.send_raw(ENGAGEMENT_TOPIC, b"k", b"\xff\xff", [])
    await producer.send_raw(POST_TOPIC, b"k", b"\xff", _created(acts.post(), clock).to_headers())
    await producer.send(nobody)
    good = [
        _followed(acts.make(Kind.FOLLOW), clock),
        _favourited(acts.make(), clock),
        _created(acts.post(ALICE), clock),
    ]
    await producer.send_all(good)
    async with members.running():
        await _until(lists, lambda page: len(page.notifications) == 3)
        reasons = await asyncio.to_thread(_dead_letters, kafka_bootstrap, topic_prefix)
    assert reasons == {
        f"{USER_GROUP}.dlq": "WRONG_ID",
        f"{ENGAGEMENT_GROUP}.dlq": "UNDECODABLE: ce_specversion is not 1.0",
        f"{POST_GROUP}.dlq": "UNDECODABLE: the payload is no rookery.post.v1.PostCreated",
    }


async def test_a_death_at_any_line_leaves_what_is_whole_after_the_events_came_again(
    handlers: Handlers, lists: Any, acts: Any, windows: Any, clock: FakeClock
) -> None:
    await lists.of(ALICE)
    favourites = [acts.make() for _ in range(3)]
    mention, deleted = acts.post(ALICE), acts.post(ALICE)
    engagement = [*(_favourited(act, clock) for act in favourites), _favourited(favourites[1], clock, active=False)]
    posts = [_created(mention, clock), _created(deleted, clock), _deleted(deleted, clock)]
    expected = [mention.post_id, favourites[2].subject_id, favourites[0].subject_id]
    line, happened = 0, True
    while happened:
        line += 1
        async with crash_at(line, tell, PostTeller._tell, PostTeller._end, PostTeller.apply) as point:
            await handlers[ENGAGEMENT_TOPIC](engagement)
            await handlers[POST_TOPIC](posts)
        happened = point.happened
        await handlers[ENGAGEMENT_TOPIC](engagement)
        await handlers[POST_TOPIC](posts)
        assert [post_id for _, _, post_id in await lists.of(ALICE)] == expected
        await windows.forget_everything()
        assert [post_id for _, _, post_id in await lists.of(ALICE)] == expected
    assert line > 20
