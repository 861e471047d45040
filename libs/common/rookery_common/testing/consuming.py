"""What may become of a consumer, on a real broker: it dies, reads all again, and is given what makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.dlq import DeadLetterTopic
from rookery_common.kafka.events import Event
from rookery_common.kafka.handling import EventHandler
from rookery_common.kafka.producer import Producer
from rookery_common.testing.crash import Crash
from rookery_common.testing.engines import ENGINE_SECONDS

PARTITIONS = 2
# Joining a group takes a second or two on an idle machine.
WAIT_SECONDS = 90.0
NO_EVENT = "UNDECODABLE: ce_specversion is not 1.0"
Handle = Callable[[Sequence[Event]], Awaitable[None]]


def one_by_one(handler: EventHandler) -> Handle:
    """For a group whose handler gets one event."""

    async def handle(events: Sequence[Event]) -> None:
        for event in events:
            await handler(event)

    return handle


@dataclass(frozen=True)
class GroupOnTrial:
    """A consumer group with a topic of its own; its handler gets batches, or with `alone` one event at a time."""

    bootstrap: str
    prefix: str
    group: str
    topic: str
    handle: Handle
    producer: Producer
    alone: bool

    async def die_after_the_effect(self, events: Sequence[Event]) -> None:
        """A member handles what it gets of these events, and is gone before it commits any."""
        handled = asyncio.Event()

        async def handle(batch: Sequence[Event]) -> None:
            await self.handle(batch)
            handled.set()
            raise Crash("between effect and commit")

        await self.producer.send_all(events)
        member = self._member(handle)
        await member.start()
        await asyncio.wait_for(handled.wait(), WAIT_SECONDS)
        try:
            await member.stop()
        except Crash:
            return
        raise AssertionError("the member did not die")

    async def handle_all(self) -> None:
        """A member handles, and commits, what is left in the topic."""
        member = self._member(self.handle)
        await member.start()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while await asyncio.to_thread(self._left):  # noqa: ASYNC110 - Kafka tells nobody
                    await asyncio.sleep(0.1)
        finally:
            await member.stop()

    async def handle_all_again(self) -> None:
        """The same from the first offset on."""
        await asyncio.to_thread(self._rewind)
        await self.handle_all()

    async def poison(self) -> None:
        """Puts a record that is no event into the topic."""
        await self.producer.send_raw(self.topic, b"poison", b"poison", [])

    async def dead_letters(self) -> list[str]:
        """Why each of the group's dead letters is one, in order of the alphabet."""

        def read() -> list[str]:
            letters = DeadLetterTopic(self.bootstrap, self.group, self.prefix)
            try:
                return sorted(letter.headers["dlq_reason"] for letter in letters.read(100))
            finally:
                letters.close()

        return await asyncio.to_thread(read)

    def _member(self, handle: Handle) -> Consumer:
        async def handle_one(event: Event) -> None:
            await handle([event])

        return Consumer(
            self.bootstrap,
            self.group,
            [self.topic],
            handle_one if self.alone else handle,
            dead_letters=self.producer,
            service=self.group.partition(".")[0],
            batch=not self.alone,
            topic_prefix=self.prefix,
            fetch_seconds=0.1,
        )

    def _left(self) -> int:
        """How many records are not committed."""
        admin, names = self._admin(), [TopicPartition(self.prefix + self.topic, number) for number in range(PARTITIONS)]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        ends = admin.list_offsets(dict.fromkeys(names, latest), request_timeout=ENGINE_SECONDS)
        [found] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self._id, names)]).values()
        done = {part.partition: max(0, part.offset) for part in found.result(ENGINE_SECONDS).topic_partitions}
        return sum(future.result(ENGINE_SECONDS).offset - done[part.partition] for part, future in ends.items())

    def _rewind(self) -> None:
        first = [TopicPartition(self.prefix + self.topic, number, 0) for number in range(PARTITIONS)]
        admin = self._admin()  # kept: without it the answer is lost
        [future] = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(self._id, first)]).values()
        future.result(ENGINE_SECONDS)

    @property
    def _id(self) -> str:
        return self.prefix + self.group

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap})


@asynccontextmanager
async def group_on_trial(
    bootstrap: str, prefix: str, group: str, topic: str, handle: Handle, *, alone: bool = False
) -> AsyncIterator[GroupOnTrial]:
    """With its topics, whose names have the prefix, and a producer."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(prefix + topic, PARTITIONS, 1), NewTopic(f"{prefix}{group}.dlq", 1, 1)]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    producer = Producer(bootstrap, "test", prefix)
    await producer.start()
    try:
        yield GroupOnTrial(bootstrap, prefix, group, topic, handle, producer, alone)
    finally:
        await producer.stop()


async def prove(
    trial: GroupOnTrial,
    events: Sequence[Event],
    later: Sequence[Event],
    state: Callable[[], Awaitable[object]],
) -> object:
    """Whatever becomes of the group, its effect is that of `events` and `later` each told once; gives that state.

    A member dies between effect and commit; a poison goes to the dead letters with its reason, and what comes after it
    is handled; all is read again from the first offset.
    """
    await trial.die_after_the_effect(events)
    await trial.poison()
    await trial.producer.send_all(later)
    await trial.handle_all()
    told_once = await state()
    assert await trial.dead_letters() == [NO_EVENT]  # noqa: S101 - it is for tests
    await trial.handle_all_again()
    assert await state() == told_once  # noqa: S101
    return told_once
