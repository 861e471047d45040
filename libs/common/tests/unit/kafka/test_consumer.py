"""The consumer loop on a client that fails where the test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from google.protobuf.message import Message

from rookery.post.v1.events_pb2 import PostDeleted
from rookery_common.kafka import consumer as module
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event
from rookery_common.kafka.producer import Producer
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden_events
from rookery_common.testing.waiting import eventually

TOPIC, GROUP = "post.events.v1", "feed.post-events"
EVENTS = golden_events(TOPIC)


class FakeMessage:
    """A record of partition 0."""

    def __init__(self, event: Event, offset: int) -> None:
        self.event, self._offset = event, offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return self.event.key.encode()

    def value(self) -> bytes:
        return self.event.payload

    def headers(self) -> list[tuple[str, bytes]]:
        return self.event.to_headers()


class FakeClient:
    """Gives two records or those of the events, then nothing; the first `failures` commits fail."""

    def __init__(self, failures: int, revoked: bool, events: Sequence[Event] = EVENTS[:2]) -> None:
        self.failures, self.revoked = failures, revoked
        self.commits: list[int] = []
        self.tries = self.empty_polls = 0
        self._records = [FakeMessage(event, offset) for offset, event in enumerate(events)]
        self._callbacks: dict[str, Callable[..., None]] = {}

    def subscribe(self, _topics: list[str], **callbacks: Callable[..., None]) -> None:
        self._callbacks = callbacks

    def poll(self, _seconds: float) -> FakeMessage | None:
        if not self._records:
            self.empty_polls += 1
            return None
        self._callbacks["on_assign"](self, [TopicPartition(TOPIC, 0)])
        return self._records.pop(0)

    def consume(self, _size: int, _seconds: float) -> list[FakeMessage]:
        rest, self._records = self._records, []
        if self.revoked:
            self._callbacks["on_revoke"](self, [TopicPartition(TOPIC, 0)])
        return rest

    def incremental_assign(self, _partitions: list[TopicPartition]) -> None:
        """Nothing to fetch from."""

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self.tries += 1
        if self.tries <= self.failures:
            raise KafkaException(KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS))
        self.commits += [partition.offset for partition in offsets]

    def close(self) -> None:
        """Nothing to leave."""


async def _run(
    client: FakeClient,
    monkeypatch: pytest.MonkeyPatch,
    done: Callable[[list[Event]], bool],
    takes: Sequence[type[Message]] = (),
) -> list[Event]:
    handled: list[Event] = []

    async def handle(event: Event) -> None:
        handled.append(event)

    monkeypatch.setattr(module, "KafkaConsumer", lambda _config: client)
    producer = cast(Producer, cast(Any, FakeProducer()))
    consumer = Consumer(
        "", GROUP, [TOPIC], handle, takes=takes, dead_letters=producer, service="feed", fetch_seconds=0.01
    )
    await consumer.start()
    await eventually(lambda: done(handled))
    await consumer.stop()
    return handled


async def test_a_commit_that_failed_is_tried_again_though_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient(failures=3, revoked=False)
    assert await _run(client, monkeypatch, lambda _: bool(client.commits)) == EVENTS[:2]
    assert client.commits == [2]
    assert client.tries == 4


async def test_events_that_it_does_not_take_are_passed_over_whatever_is_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = next(event for event in EVENTS if event.type.endswith("PostDeleted"))
    of_tomorrow = replace(EVENTS[0], type="rookery.post.v1.PostSung", payload=b"\xff")
    client = FakeClient(failures=0, revoked=False, events=[EVENTS[0], gone, of_tomorrow])
    assert await _run(client, monkeypatch, lambda _: bool(client.commits), takes=[PostDeleted]) == [gone]
    assert client.commits == [3]


async def test_what_moved_to_another_member_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient(failures=0, revoked=True)
    await _run(client, monkeypatch, lambda handled: len(handled) == 2 and client.empty_polls > 3)
    assert client.commits == []


class Dripping(FakeClient):
    """Gives a record at a time; the partition moves to another member once all have come, if it is to."""

    def __init__(self, *, revoked: bool = False) -> None:
        super().__init__(0, revoked, EVENTS[:5])

    def poll(self, seconds: float) -> FakeMessage | None:
        if not self._records and self.revoked and not self.empty_polls:
            self._callbacks["on_revoke"](self, [TopicPartition(TOPIC, 0)])
        return super().poll(seconds)

    def consume(self, _size: int, _seconds: float) -> list[FakeMessage]:
        return []


@pytest.mark.parametrize("revoked", [False, True])
async def test_while_records_come_commits_wait_for_one_another_but_not_when_it_leaves(
    monkeypatch: pytest.MonkeyPatch, *, revoked: bool
) -> None:
    monkeypatch.setattr(module, "COMMIT_SECONDS", 60.0)
    client = Dripping(revoked=revoked)
    polls = 1 if revoked else 0
    assert await _run(client, monkeypatch, lambda handled: len(handled) == 5 and client.empty_polls >= polls)
    assert client.commits == [1, 5]
    assert client.tries == 2
