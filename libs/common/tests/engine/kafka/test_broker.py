"""Producer, consumer, follower and dead letters over a real broker."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from rookery.post.v1.events_pb2 import PostCreated
from rookery.post.v1.post_pb2 import Post
from rookery_common.errors import Unavailable
from rookery_common.kafka import consumer as consumer_module
from rookery_common.kafka import dlq, handling
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.follow import Follower
from rookery_common.kafka.producer import NotPublished, Producer
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.crash import Crash

TOPIC = "post.events.v1"
GROUP = "feed.post-events"
PARTITIONS = 4
LONG_SECONDS = 30.0


@pytest_asyncio.fixture
async def prefix(kafka_bootstrap: str, topic_prefix: str) -> str:
    """With the topics there, so that no test waits for their making."""
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    topics = [NewTopic(topic_prefix + TOPIC, PARTITIONS, 1), NewTopic(f"{topic_prefix}{GROUP}.dlq", 1, 1)]
    await asyncio.gather(*(asyncio.wrap_future(future) for future in admin.create_topics(topics).values()))
    return topic_prefix


@pytest_asyncio.fixture
async def producer(kafka_bootstrap: str, prefix: str) -> AsyncIterator[Producer]:
    client = Producer(kafka_bootstrap, "test", prefix)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(consumer_module, "BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(consumer_module, "FETCH_SECONDS", 0.1)


class Members:
    """Consumers of the group under test, stopped at the end; `handled` is what their handlers did, in order."""

    def __init__(self, bootstrap: str, prefix: str, producer: Producer) -> None:
        self._bootstrap, self._prefix, self._producer = bootstrap, prefix, producer
        self.running: list[Consumer] = []
        self.handled: list[Event] = []
        self.batches: list[int] = []
        self.errors: dict[str, list[BaseException]] = {}
        self.die = False
        self._news = asyncio.Event()

    async def add(
        self,
        *,
        batch: bool = False,
        batch_size: int = 500,
        gather_seconds: float = 0.0,
        pace_seconds: float = 0.0,
        fetch_seconds: float = 0.1,
    ) -> Consumer:
        member = Consumer(
            self._bootstrap,
            GROUP,
            [TOPIC],
            self.all if batch else self.one,
            batch=batch,
            dead_letters=self._producer,
            service="feed",
            topic_prefix=self._prefix,
            fetch_seconds=fetch_seconds,
            batch_size=batch_size,
            gather_seconds=gather_seconds,
            pace_seconds=pace_seconds,
            whole=gather_seconds > 0,
        )
        await member.start()
        self.running.append(member)
        return member

    async def one(self, event: Event) -> None:
        left = self.errors.get(event.key, [])
        if left:
            raise left.pop(0)
        self.handled.append(event)
        self._news.set()
        if self.die:
            raise Crash("between effect and commit")

    async def all(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.errors.get(event.key):
                raise self.errors[event.key].pop(0)
        self.batches.append(len(events))
        self.handled.extend(events)
        self._news.set()

    async def until(self, count: int, seconds: float = 60.0) -> None:
        """Waits until so many effects are there."""
        async with asyncio.timeout(seconds):
            while len(self.handled) < count:
                self._news.clear()
                await self._news.wait()

    async def stop(self) -> None:
        for member in self.running:
            await member.stop()
        self.running.clear()


@pytest_asyncio.fixture
async def members(kafka_bootstrap: str, prefix: str, producer: Producer) -> AsyncIterator[Members]:
    group = Members(kafka_bootstrap, prefix, producer)
    yield group
    await group.stop()


def _event(key: int, version: int = 1) -> Event:
    message = PostCreated(post=Post(post_id=key, version=version))
    return new_event(TOPIC, str(key), message, version=version, clock=FakeClock(), source="post")


def _events(count: int) -> list[Event]:
    return [_event(key) for key in range(count)]


async def test_events_arrive_whole_and_in_the_order_of_their_key(producer: Producer, members: Members) -> None:
    sent = [_event(key, version) for version in range(1, 6) for key in range(10)]
    await producer.send_all(sent)
    await members.add()
    await members.until(len(sent))
    for key in range(10):
        of_key = str(key)
        assert [event for event in members.handled if event.key == of_key] == [e for e in sent if e.key == of_key]


async def test_a_lone_event_arrives_at_once(producer: Producer, members: Members) -> None:
    await members.add(fetch_seconds=LONG_SECONDS)
    await producer.send(_event(1))
    await members.until(1)
    await producer.send(_event(2))
    await members.until(2, seconds=LONG_SECONDS / 2)


async def test_a_batch_handler_is_given_what_a_fetch_found(producer: Producer, members: Members) -> None:
    await producer.send_all(_events(300))
    await members.add(batch=True)
    await members.until(300)
    assert len(members.batches) < 30
    assert sorted(int(event.key) for event in members.handled) == list(range(300))


async def test_an_idle_member_handles_at_once_what_comes_and_then_what_came_meanwhile(
    producer: Producer, members: Members
) -> None:
    member = await members.add(batch=True, pace_seconds=3.0)
    await producer.send(_event(0))
    await members.until(1)
    for number in range(1, 6):
        await producer.send(_event(number))
    await members.until(6)
    assert members.batches == [1, 5]
    started = time.monotonic()
    await member.stop()
    assert time.monotonic() - started < 2.0  # The pause ends with the member.


async def test_a_batch_is_gathered_until_it_is_full_or_the_member_stops(producer: Producer, members: Members) -> None:
    member = await members.add(batch=True, batch_size=10, gather_seconds=60.0)
    for first in range(0, 10, 2):
        await producer.send_all([_event(first), _event(first + 1)])
        await asyncio.sleep(0.2)
    await members.until(10)
    await producer.send_all(_events(3))
    await asyncio.sleep(1.0)
    await member.stop()
    assert members.batches == [10, 3]


async def test_what_was_handled_does_not_come_again(producer: Producer, members: Members) -> None:
    await producer.send_all(_events(20))
    await members.add()
    await members.until(20)
    await members.stop()
    await producer.send(_event(99))
    await members.add()
    await members.until(21)
    assert len(members.handled) == 21


async def test_a_member_killed_between_effect_and_commit_repeats_the_event(
    producer: Producer, members: Members
) -> None:
    await producer.send(_event(1))
    members.die = True
    dead = await members.add()
    await members.until(1)
    with pytest.raises(Crash):
        await dead.stop()
    members.running.clear()
    members.die = False
    await members.add()
    await members.until(2)
    assert members.handled[0] == members.handled[1]


async def test_a_failing_event_is_tried_three_times_then_put_aside_listed_and_replayed(
    producer: Producer, members: Members, kafka_bootstrap: str, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    members.errors["5"] = [RuntimeError("carries a secret")] * 3
    await producer.send_all(_events(10))
    await members.add()
    await members.until(9)
    arguments = ["--bootstrap", kafka_bootstrap, "--group", GROUP, "--topic-prefix", prefix]
    (listed,) = await _dead_letters(capsys, arguments)
    assert listed["reason"] == "RuntimeError"
    assert listed["topic"] == prefix + TOPIC
    assert listed["subject"] == "5"
    assert "secret" not in json.dumps(listed)
    assert await asyncio.to_thread(dlq.main, ["replay", *arguments]) == 0
    await members.until(10)
    assert members.handled[-1].key == "5"
    capsys.readouterr()
    assert await _dead_letters(capsys, arguments, tries=1) == []


async def _dead_letters(capsys: pytest.CaptureFixture[str], arguments: list[str], tries: int = 50) -> list[Any]:
    for _ in range(tries):
        assert await asyncio.to_thread(dlq.main, ["list", *arguments]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('{"dead_letter"')]
        if lines:
            return [json.loads(line) for line in lines]
        await asyncio.sleep(0.1)
    return []


async def test_what_cannot_be_decoded_is_put_aside_and_the_rest_handled(
    producer: Producer,
    members: Members,
    kafka_bootstrap: str,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await producer.send_raw(TOPIC, b"1", b"\xff", _event(1).to_headers())
    await producer.send_raw(TOPIC, None, None, [])
    await producer.send(_event(2))
    await members.add()
    await members.until(1)
    arguments = ["--bootstrap", kafka_bootstrap, "--group", GROUP, "--topic-prefix", prefix]
    letters: list[Any] = []
    while len(letters) < 2:
        letters = await _dead_letters(capsys, arguments)
    assert {letter["reason"] for letter in letters} == {
        "UNDECODABLE: the payload is no rookery.post.v1.PostCreated",
        "UNDECODABLE: ce_specversion is not 1.0",
    }


@pytest.mark.parametrize("batch", [False, True])
async def test_an_outage_pauses_the_group_and_loses_nothing(producer: Producer, members: Members, batch: bool) -> None:
    members.errors["3"] = [Unavailable("the engine is down")] * 5
    await members.add(batch=batch)
    await producer.send_all(_events(10))
    await asyncio.sleep(0.5)
    await producer.send_all([_event(key) for key in range(10, 20)])
    await members.until(20)
    assert Counter(event.key for event in members.handled) == Counter(str(key) for key in range(20))


async def test_a_second_member_takes_over_partitions_and_nothing_is_handled_twice(
    producer: Producer, members: Members
) -> None:
    await members.add()
    await producer.send_all(_events(200))
    await members.until(50)
    await members.add()
    for first in range(200, 1000, 100):
        await producer.send_all([_event(key) for key in range(first, first + 100)])
        await asyncio.sleep(0.2)
    await members.until(600)
    await members.running.pop(0).stop()
    await members.until(1000)
    assert Counter(event.key for event in members.handled) == Counter(str(key) for key in range(1000))


async def test_every_follower_sees_each_event_from_when_it_is_ready(
    producer: Producer, kafka_bootstrap: str, prefix: str
) -> None:
    await producer.send_all(_events(5))
    seen: list[list[str]] = [[], []]
    all_seen = asyncio.Event()

    def handler(index: int) -> handling.EventHandler:
        async def handle(event: Event) -> None:
            if event.key == "101":
                raise RuntimeError("one entry can't be refreshed")
            seen[index].append(event.key)
            if min(len(keys) for keys in seen) == 3:
                all_seen.set()

        return handle

    followers = [
        Follower(kafka_bootstrap, [TOPIC], handler(index), name="gateway", topic_prefix=prefix) for index in (0, 1)
    ]
    for follower in followers:
        await follower.start()
        await follower.ready()
    ready_at = time.monotonic()
    assert all(follower.complete_since() <= ready_at for follower in followers)
    await producer.send_raw(TOPIC, b"x", b"\xff", [])
    await producer.send_all([_event(key) for key in (100, 101, 102, 103)])
    async with asyncio.timeout(60):
        await all_seen.wait()
    # One could not be decoded, and one not be handled: caches may have missed a change.
    assert all(follower.complete_since() > ready_at for follower in followers)
    for follower in followers:
        await follower.stop()
    assert [sorted(keys) for keys in seen] == [["100", "102", "103"]] * 2


async def test_a_producer_that_is_stopped_says_so(kafka_bootstrap: str) -> None:
    client = Producer(kafka_bootstrap, "test")
    await client.start()
    await client.check()
    await client.stop()
    with pytest.raises(NotPublished):
        await client.send(_event(1))


async def test_a_broker_that_is_away_makes_sending_fail_and_neither_start_nor_stop() -> None:
    client = Producer("127.0.0.1:1", "test")
    await client.start()
    with pytest.raises(Unavailable):
        await client.check()
    sending = asyncio.create_task(client.send(_event(1)))
    await asyncio.sleep(0.1)
    await client.stop()
    with pytest.raises(NotPublished):
        await sending


@pytest.mark.parametrize("group", ["feed", "post.post-events", "feed.Post", "feed.post_events.dlq"])
def test_a_group_that_is_not_named_by_its_service_and_purpose_is_refused(group: str) -> None:
    with pytest.raises(ValueError, match=r"is not named feed\.<purpose>"):
        Consumer("127.0.0.1:1", group, [TOPIC], _ignore, dead_letters=Producer("127.0.0.1:1", "t"), service="feed")


async def _ignore(_event: Event) -> None:
    return None
