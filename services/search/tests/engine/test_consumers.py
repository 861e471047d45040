"""From Kafka into the index: an effect before the offset, poison aside, and a pause while there is no engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from rookery_common.clients.elasticsearch import ElasticUnavailable
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event
from rookery_common.kafka.handling import headers_of
from rookery_common.kafka.producer import Producer
from search_service.consumers import (
    POST_GROUP,
    POST_TOPIC,
    USER_GROUP,
    USER_TOPIC,
    PostEventsHandler,
    UserEventsHandler,
)
from search_service.documents import post_document
from search_service.models import Kind
from search_service.repository.indices import Indices
from search_service.service.indexing import Indexer

if TYPE_CHECKING:
    from tests.conftest import Make
    from tests.engine.conftest import Dump

SECONDS = 60.0
Start = Callable[..., Awaitable[Consumer]]


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Producer]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    names = (POST_TOPIC, USER_TOPIC, f"{POST_GROUP}.dlq", f"{USER_GROUP}.dlq")
    topics = [NewTopic(topic_prefix + name, 2, 1) for name in names]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    client = Producer(kafka_bootstrap, "test", topic_prefix)
    await client.start()
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def start(producer: Producer, indexer: Indexer, kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Start]:
    """Starts a member of a group, by its handler of batches."""
    make = partial(
        Consumer, kafka_bootstrap, dead_letters=producer, service="search", batch=True, topic_prefix=topic_prefix
    )
    members: list[Consumer] = []

    async def started(
        group: str = POST_GROUP,
        topic: str = POST_TOPIC,
        handler: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
    ) -> Consumer:
        member = make(group, [topic], handler or PostEventsHandler(indexer))
        await member.start()
        members.append(member)
        return member

    yield started
    for member in members:
        await member.stop()


async def eventually(accept: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await accept():  # noqa: ASYNC110 - the engines tell nobody
            await asyncio.sleep(0.1)


async def until(dump: Dump, kind: Kind, ids: set[int]) -> None:
    async def there() -> bool:
        return set(await dump(kind)) == ids

    await eventually(there)


def dead_letters(bootstrap: str, topic: str, count: int) -> list[str]:
    """Reasons of the dead letters there are, once there are so many."""
    consumer = KafkaConsumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[str] = []
    try:
        while len(found) < count:
            message = consumer.poll(SECONDS)
            assert message is not None, f"{len(found)} dead letters, not {count}"
            headers = dict(headers_of(message))
            found.append(headers["dlq_reason"].decode())
    finally:
        consumer.close()
    return sorted(found)


@pytest.mark.usefixtures("indices")
async def test_poison_goes_aside_and_the_rest_moves_on(
    start: Start, producer: Producer, dump: Dump, make: Make, kafka_bootstrap: str, topic_prefix: str
) -> None:
    good = [make.post_event(make.post(post_id)) for post_id in (1, 2, 3)]
    undecodable = replace(good[0], payload=b"\xff\xff\xff")
    nameless = make.post_event(make.post(0))
    refused = make.post_event(make.post(9, tags=["x" * 40_000]))
    await producer.send_all([good[0], undecodable, good[1], nameless, refused, good[2]])
    await producer.send_raw(POST_TOPIC, b"junk", b"junk", [])
    await start()
    await until(dump, Kind.POSTS, {1, 2, 3})
    topic = f"{topic_prefix}{POST_GROUP}.dlq"
    reasons = await asyncio.to_thread(dead_letters, kafka_bootstrap, topic, 4)
    assert reasons[0] == "DOCUMENT_REJECTED"
    assert [reason.partition(":")[0] for reason in reasons[1:]] == ["UNDECODABLE", "UNDECODABLE", "UNUSABLE_EVENT"]


@pytest.mark.usefixtures("indices")
async def test_member_that_dies_between_effect_and_commit_does_it_again(
    start: Start, producer: Producer, indexer: Indexer, dump: Dump, make: Make
) -> None:
    handled = PostEventsHandler(indexer)
    before, after = list[int](), list[int]()

    async def dies_after_the_effect(events: Sequence[Event]) -> None:
        await handled(events)
        before.extend(int(event.key) for event in events)
        raise ElasticUnavailable("gone before the offset was committed")

    async def lives(events: Sequence[Event]) -> None:
        await handled(events)
        after.extend(int(event.key) for event in events)

    async def died() -> bool:
        return bool(before)

    posts = [make.post(post_id, f"text {post_id}") for post_id in range(1, 21)]
    await producer.send_all([make.post_event(post) for post in posts])
    dying = await start(handler=dies_after_the_effect)
    await eventually(died)
    await dying.stop()
    await start(handler=lives)

    async def all_came_again() -> bool:
        return {*before, *(post.post_id for post in posts)} <= set(after)

    await eventually(all_came_again)
    documents = [document for post in posts if (document := post_document(post)) is not None]
    assert await dump(Kind.POSTS) == {each.id: (each.version, dict(each.fields)) for each in documents}


@pytest.mark.usefixtures("indices")
async def test_whole_topic_replayed_leaves_the_same(
    start: Start, producer: Producer, indexer: Indexer, dump: Dump, make: Make
) -> None:
    accounts = [make.account(id_, f"bird{id_}", version=version) for version in (1, 2) for id_ in (1, 2, 3)]
    await producer.send_all([make.account_event(account) for account in accounts])
    await start(USER_GROUP, USER_TOPIC, UserEventsHandler(indexer))
    await until(dump, Kind.ACCOUNTS, {1, 2, 3})
    seen: list[str] = []

    async def replayed(events: Sequence[Event]) -> None:
        await UserEventsHandler(indexer)(events)
        seen.extend(event.event_id for event in events)

    async def newest() -> bool:
        return {version for version, _ in (await dump(Kind.ACCOUNTS)).values()} == {2}

    async def replayed_all() -> bool:
        return len(seen) >= len(accounts)

    await eventually(newest)
    before = await dump(Kind.ACCOUNTS)
    # Another group begins with the first offset.
    await start("search.replay", USER_TOPIC, replayed)
    await eventually(replayed_all)
    assert await dump(Kind.ACCOUNTS) == before


async def test_group_waits_while_there_is_nothing_to_write_to(
    start: Start, producer: Producer, unmigrated: Indices, dump: Dump, make: Make
) -> None:
    await producer.send_all([make.post_event(make.post(post_id)) for post_id in range(1, 6)])
    await start()
    await asyncio.sleep(2)
    await unmigrated.migrate()
    await until(dump, Kind.POSTS, set(range(1, 6)))
