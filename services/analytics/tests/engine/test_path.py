"""From Kafka to counts and files, over real engines: whatever dies, moves or is spoilt, every event counts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from analytics_service.consumers import archiving as archiving_consumer
from analytics_service.consumers import counting as counting_consumer
from analytics_service.consumers.archiving import ArchivingHandler
from analytics_service.consumers.counting import CountingHandler
from analytics_service.models import Measure
from analytics_service.repository.manifest import Manifest
from analytics_service.repository.windows import CountedEvents, WindowRepository
from analytics_service.service.archiving import Archiving
from analytics_service.service.checking import ArchiveCheck
from analytics_service.service.counting import Counting
from rookery.analytics.v1.events_pb2 import InteractionKind, InteractionRecorded
from rookery_common.errors import Unavailable
from rookery_common.kafka import consumer as consumer_module
from rookery_common.kafka import dlq, handling
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import Crash

TOPIC = "analytics.interactions.v1"
PARTITIONS = 4
WAIT_SECONDS = 60.0
Read = Callable[..., Awaitable[int]]


class Group:
    """Members of one of the two groups; `spoil` is called before each batch, `die` after it."""

    def __init__(self, bootstrap: str, prefix: str, producer: Producer) -> None:
        self.bootstrap, self.prefix, self.producer = bootstrap, prefix, producer
        self.members: list[Consumer] = []
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self.outages = 0
        self.die = False
        self.handled = asyncio.Event()

    async def add(self, group: str, handler: Callable[[Sequence[Event]], Awaitable[None]], **options: Any) -> Consumer:
        async def handle(events: Sequence[Event]) -> None:
            if self.outages:
                self.outages -= 1
                raise Unavailable("the engine is away")
            await handler(events)
            self.handled.set()
            if self.die:
                raise Crash("between effect and commit")

        member = Consumer(
            self.bootstrap,
            group,
            [TOPIC],
            handle,
            batch=True,
            dead_letters=self.producer,
            service="analytics",
            topic_prefix=self.prefix,
            fetch_seconds=0.1,
            **options,
        )
        await member.start()
        self.members.append(member)
        return member

    async def stop(self) -> None:
        for member in self.members:
            await member.stop()
        self.members.clear()

    def rewind(self, group: str) -> None:
        """The group, which has no members now, reads all of the topic again."""
        first = [TopicPartition(self.prefix + TOPIC, number, 0) for number in range(PARTITIONS)]
        request = ConsumerGroupTopicPartitions(self.prefix + group, first)
        [future] = self._admin.alter_consumer_group_offsets([request]).values()
        future.result(20)

    def lag(self, group: str, count: int) -> int:
        """Of `count` records, those whose offsets are not committed."""
        request = ConsumerGroupTopicPartitions(self.prefix + group)
        [future] = self._admin.list_consumer_group_offsets([request]).values()
        offsets: list[int] = [found.offset for found in future.result(20).topic_partitions]
        return count - sum(max(0, offset) for offset in offsets)

    async def drained(self, group: str, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while await asyncio.to_thread(self.lag, group, count):  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def group(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Group]:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    dead = [f"{topic_prefix}{name}.dlq" for name in (counting_consumer.GROUP, archiving_consumer.GROUP)]
    topics = [NewTopic(topic_prefix + TOPIC, PARTITIONS, 1), *(NewTopic(name, 1, 1) for name in dead)]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    producer = Producer(kafka_bootstrap, "test", topic_prefix)
    await producer.start()
    group = Group(kafka_bootstrap, topic_prefix, producer)
    yield group
    await group.stop()
    await producer.stop()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(consumer_module, "BACKOFF_SECONDS", 0.1)


@pytest.fixture
def counter(windows: WindowRepository, counted: CountedEvents, clock: FakeClock) -> CountingHandler:
    return CountingHandler(Counting(windows, counted, clock))


def _events(clock: FakeClock, first: int, count: int) -> list[Event]:
    kind = InteractionKind.INTERACTION_KIND_OPEN
    return [
        new_event(
            TOPIC, str(key), InteractionRecorded(post_id=key, kind=kind), version=1, clock=clock, source="gateway"
        )
        for key in range(first, first + count)
    ]


async def test_a_topic_that_is_read_from_its_first_offset_again_changes_nothing(
    group: Group, counter: CountingHandler, total: Read, clock: FakeClock
) -> None:
    events = _events(clock, 1, 200)
    await group.producer.send_all([*events, *events[:50]])  # an outbox may publish twice
    for _ in range(2):
        await group.add(counting_consumer.GROUP, counter)
        await group.drained(counting_consumer.GROUP, 250)
        await group.stop()
        assert await total(Measure.INTERACTIONS) == 200
        await asyncio.to_thread(group.rewind, counting_consumer.GROUP)


async def test_a_member_killed_between_effect_and_commit_counts_nothing_twice(
    group: Group, counter: CountingHandler, total: Read, clock: FakeClock
) -> None:
    await group.producer.send_all(_events(clock, 1, 100))
    group.die = True
    dead = await group.add(counting_consumer.GROUP, counter)
    await asyncio.wait_for(group.handled.wait(), WAIT_SECONDS)
    with pytest.raises(Crash):
        await dead.stop()
    group.members.clear()
    group.die = False
    await group.add(counting_consumer.GROUP, counter)
    await group.drained(counting_consumer.GROUP, 100)
    assert await total(Measure.INTERACTIONS) == 100


async def test_members_that_come_and_go_count_every_event_once(
    group: Group, counter: CountingHandler, total: Read, clock: FakeClock
) -> None:
    sent = 0
    for step in range(12):
        await group.producer.send_all(_events(clock, 1000 * step, 40))
        sent += 40
        if step in (0, 3, 8):
            await group.add(counting_consumer.GROUP, counter, batch_size=16)
        if step == 6:
            await group.members.pop(0).stop()
        await asyncio.sleep(0.3)
    await group.drained(counting_consumer.GROUP, sent)
    assert await total(Measure.INTERACTIONS) == sent


async def test_what_is_spoilt_is_put_aside_with_its_reason_and_the_rest_counted(
    group: Group, counter: CountingHandler, total: Read, clock: FakeClock, kafka_bootstrap: str
) -> None:
    events = _events(clock, 1, 20)
    await group.producer.send_all(events[:10])
    await group.producer.send_raw(TOPIC, b"5", b"\xff\xff", [])
    await group.producer.send(replace(events[11], payload=b"\xff\xff"))
    await group.producer.send_all(events[10:])
    await group.add(counting_consumer.GROUP, counter)
    await group.drained(counting_consumer.GROUP, 22)
    assert await total(Measure.INTERACTIONS) == 20
    letters = dlq.DeadLetterTopic(kafka_bootstrap, counting_consumer.GROUP, group.prefix)
    found = await asyncio.to_thread(lambda: list(letters.read(10)))
    letters.close()
    assert sorted(letter.headers["dlq_reason"] for letter in found) == [
        "UNDECODABLE: ce_specversion is not 1.0",
        "UNDECODABLE: the payload is no rookery.analytics.v1.InteractionRecorded",
    ]


async def test_files_are_gathered_and_a_replay_or_an_outage_adds_none(
    group: Group, manifest: Manifest, files: Any, clock: FakeClock
) -> None:
    async def entered() -> list[tuple[int, int, int]]:
        return [
            (file.partition, file.first_offset, file.last_offset)
            for topic, partition in await manifest.partitions()
            async for file in manifest.files(topic, partition)
        ]

    handler = ArchivingHandler(Archiving(manifest, files))
    options = {"gather_seconds": 2.0, "whole": True}
    group.outages = 2
    await group.producer.send_all(_events(clock, 1, 60))
    await group.producer.send_raw(TOPIC, b"5", b"\xff\xff", [])
    await group.add(archiving_consumer.GROUP, handler, **options)
    await group.drained(archiving_consumer.GROUP, 61)
    await group.stop()
    before = await entered()
    assert len(before) == PARTITIONS
    await asyncio.to_thread(group.rewind, archiving_consumer.GROUP)
    await group.producer.send_all(_events(clock, 1, 60))
    await group.add(archiving_consumer.GROUP, handler, **options)
    await group.drained(archiving_consumer.GROUP, 121)
    after = await entered()
    assert [entry for entry in after if entry in before] == before
    assert "120 events, all files are whole" in await ArchiveCheck(manifest, files.read).report()
