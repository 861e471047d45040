"""The fragments are kept fresh by real topics."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gateway_service.cache import TOPICS, AccountFragment, Followed, Fragments, PostFragment
from gateway_service.config import Settings
from rookery.moderation.v1.events_pb2 import AnnouncementListed, AnnouncementUnlisted
from rookery.post.v1.events_pb2 import PostDeleted
from rookery.post.v1.post_pb2 import Post, QuotePolicy
from rookery.user.v1.account_pb2 import DefaultQuotePolicy
from rookery.user.v1.events_pb2 import AccountUpdated
from rookery_common.clock import SystemClock
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer

POST, AUTHOR = 1001, 101
NEWS = "moderation.announcements.v1"


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Producer]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    topics = [NewTopic(topic_prefix + topic, 2, 1) for topic in (*TOPICS, NEWS)]
    await asyncio.gather(*(asyncio.wrap_future(made) for made in admin.create_topics(topics).values()))
    async with AsyncExitStack() as stack:
        producer = Producer(kafka_bootstrap, "gateway-test", topic_prefix)
        await producer.start()
        stack.push_async_callback(producer.stop)
        yield producer


async def test_events_make_fragments_old(
    settings: Settings, kafka_bootstrap: str, topic_prefix: str, producer: Producer
) -> None:
    clock = SystemClock()
    updated, deleted = AccountUpdated(), PostDeleted(post=Post(post_id=POST, author_id=AUTHOR, version=2))
    updated.account.account_id, updated.account.version = AUTHOR, 2
    updated.account.quote_policy = DefaultQuotePolicy.DEFAULT_QUOTE_POLICY_NOBODY
    updates = new_event("user.events.v1", str(AUTHOR), updated, version=2, clock=clock, source="user")
    deletion = new_event("post.events.v1", str(POST), deleted, version=2, clock=clock, source="post")
    fragments = Fragments()
    follower = fragments.follower(
        settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap, "topic_prefix": topic_prefix})
    )
    before = time.monotonic()
    await follower.start()
    try:
        async with asyncio.timeout(20):
            assert fragments.complete_since() == math.inf
            await follower.ready()
            assert before < fragments.complete_since() < time.monotonic()
            fragments.posts.put(POST, PostFragment(1, AUTHOR, b"{", 0, 0))
            fragments.accounts.put(AUTHOR, AccountFragment(1, "alice", b"{", (0, 0, 0, -1), b"{}", 9.0))
            await producer.send_all([updates, deletion])
            while fragments.posts.peek(POST) is not None or not _renewed(fragments):  # noqa: ASYNC110 - a cache tells nobody
                await asyncio.sleep(0.05)
    finally:
        await follower.stop()


async def test_what_others_follow_is_handed_to_them(
    settings: Settings, kafka_bootstrap: str, topic_prefix: str, producer: Producer
) -> None:
    clock, heard = SystemClock(), asyncio.Queue[Event]()
    listed, unlisted = AnnouncementListed(announcement_id=7), AnnouncementUnlisted(announcement_id=7)
    events = [new_event(NEWS, "7", each, version=1, clock=clock, source="moderation") for each in (listed, unlisted)]
    follower = Fragments().follower(
        settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap, "topic_prefix": topic_prefix}),
        Followed(NEWS, (AnnouncementUnlisted,), heard.put),
    )
    await follower.start()
    try:
        async with asyncio.timeout(20):
            await follower.ready()
            await producer.send_all(events)
            assert (await heard.get()).decode() == unlisted
        assert heard.empty()
    finally:
        await follower.stop()


def _renewed(fragments: Fragments) -> bool:
    """Either event makes the account old; who may quote comes with one of them."""
    account = fragments.accounts.peek(AUTHOR)
    assert account is not None
    return account.checked_at == 0.0 and account.quote_policy == QuotePolicy.QUOTE_POLICY_NOBODY
