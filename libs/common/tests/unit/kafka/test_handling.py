"""What becomes of a record: an effect, a dead letter, or another try."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from confluent_kafka import Message

from rookery_common.errors import AppError, DeadlineExceeded, NotFound, ResourceExhausted, Unavailable
from rookery_common.kafka import handling as module
from rookery_common.kafka.events import Event, Position
from rookery_common.kafka.handling import DeadLetters, Handling, Record, record_of
from rookery_common.kafka.producer import Producer
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden_events

EVENTS = golden_events("post.events.v1")
GROUP = "feed.post-events"


class FakeMessage:
    """A record as confluent-kafka hands it out."""

    def __init__(self, event: Event, offset: int, partition: int = 0, value: bytes | None = None) -> None:
        self._event, self._offset, self._partition = event, offset, partition
        self._value = event.payload if value is None else value

    def topic(self) -> str:
        return f"p.{self._event.topic}"

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return self._event.key.encode()

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return self._event.to_headers()


class Effects:
    """A handler that does as told for each event: raises the next of its errors, if any are left."""

    def __init__(self, errors: Mapping[str, list[Any]] | None = None) -> None:
        self.handled: list[str] = []
        self.calls: list[str] = []
        self._errors = errors or {}

    async def one(self, event: Event) -> None:
        self.calls.append(event.event_id)
        left = self._errors.get(event.event_id, [])
        if left:
            raise left.pop(0)
        self.handled.append(event.event_id)

    async def many(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._errors.get(event.event_id):
                raise RuntimeError("one of them")
        self.handled.extend(event.event_id for event in events)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


def _records(count: int, partitions: int = 1) -> list[Record]:
    return [_record(FakeMessage(EVENTS[index], index, index % partitions)) for index in range(count)]


def _record(message: FakeMessage) -> Record:
    return record_of(cast(Message, message), "p.")


def _handling(
    producer: FakeProducer,
    one: Callable[[Event], Awaitable[None]],
    many: Callable[[Sequence[Event]], Awaitable[None]] | None = None,
) -> Handling:
    return Handling(GROUP, DeadLetters(cast(Producer, producer), GROUP), one, many)


def _ids(records: Sequence[Record]) -> list[str]:
    return [record.event.event_id for record in records if record.event]


async def test_events_are_handled_in_the_order_of_their_partition(producer: FakeProducer) -> None:
    effects = Effects()
    assert await _handling(producer, effects.one).handle(_records(4)) == []
    assert effects.handled == _ids(_records(4))


async def test_a_failure_is_tried_three_times_then_put_aside_and_the_rest_goes_on(producer: FakeProducer) -> None:
    records = _records(3)
    second = EVENTS[1].event_id
    effects = Effects({second: [RuntimeError(f"boom {second}")] * 3})
    assert await _handling(producer, effects.one).handle(records) == []
    assert effects.calls.count(second) == 3
    assert effects.handled == [EVENTS[0].event_id, EVENTS[2].event_id]
    topic, key, value, headers = producer.raw[0]
    assert (topic, key, value) == (f"{GROUP}.dlq", EVENTS[1].key.encode(), EVENTS[1].payload)
    told = dict(headers)
    assert told["dlq_reason"] == b"RuntimeError"
    assert told["dlq_topic"] == b"p.post.events.v1"
    assert told["dlq_offset"] == b"1"
    assert told["ce_id"].decode() == second


async def test_a_failure_that_passes_leaves_no_dead_letter(producer: FakeProducer) -> None:
    effects = Effects({EVENTS[0].event_id: [NotFound("not yet"), NotFound("not yet")]})
    assert await _handling(producer, effects.one).handle(_records(1)) == []
    assert effects.handled == [EVENTS[0].event_id]
    assert producer.raw == []


@pytest.mark.parametrize("error", [Unavailable("down"), DeadlineExceeded("slow"), ResourceExhausted("full")])
async def test_an_outage_leaves_the_event_and_what_is_behind_it(producer: FakeProducer, error: AppError) -> None:
    records = _records(4, partitions=2)
    effects = Effects({EVENTS[0].event_id: [error]})
    left = await _handling(producer, effects.one).handle(records)
    assert _ids(left) == [EVENTS[0].event_id, EVENTS[2].event_id]
    assert effects.handled == [EVENTS[1].event_id, EVENTS[3].event_id]
    assert producer.raw == []


async def test_what_cannot_be_decoded_is_put_aside_at_once(producer: FakeProducer) -> None:
    effects = Effects()
    records = [_record(FakeMessage(EVENTS[0], 7, value=b"\xff\xff")), *_records(1)]
    assert await _handling(producer, effects.one).handle(records) == []
    assert effects.calls == [EVENTS[0].event_id]
    assert dict(producer.raw[0][3])["dlq_reason"].startswith(b"UNDECODABLE: the payload is no ")


async def test_a_dead_letter_that_cannot_be_written_leaves_the_record_unhandled(producer: FakeProducer) -> None:
    producer.away = True
    record = _record(FakeMessage(EVENTS[0], 0, value=b"\xff"))
    assert await _handling(producer, Effects().one).handle([record]) == [record]


async def test_a_batch_is_handled_at_once(producer: FakeProducer) -> None:
    effects = Effects()
    assert await _handling(producer, effects.one, effects.many).handle(_records(5)) == []
    assert effects.handled == _ids(_records(5))
    assert effects.calls == []


async def test_a_batch_that_fails_goes_one_by_one_so_that_one_event_spoils_only_itself(producer: FakeProducer) -> None:
    bad = EVENTS[2].event_id
    effects = Effects({bad: [RuntimeError("bad")] * 3})
    assert await _handling(producer, effects.one, effects.many).handle(_records(4)) == []
    assert effects.handled == [event.event_id for event in EVENTS[:4] if event.event_id != bad]
    assert [dict(headers)["ce_id"].decode() for *_, headers in producer.raw] == [bad]


async def test_undecodable_records_of_a_batch_are_put_aside_and_the_others_handled(producer: FakeProducer) -> None:
    effects = Effects()
    records: list[Any] = [*_records(3), _record(FakeMessage(EVENTS[3], 3, value=b"\xff"))]
    assert await _handling(producer, effects.one, effects.many).handle(records) == []
    assert effects.handled == _ids(_records(3))
    assert len(producer.raw) == 1


async def test_a_whole_batch_that_fails_is_left_as_it_was(producer: FakeProducer) -> None:
    bad = EVENTS[2].event_id
    effects = Effects({bad: [RuntimeError("bad")]})
    records: list[Any] = [*_records(4), _record(FakeMessage(EVENTS[4], 4, value=b"\xff"))]
    whole = Handling(GROUP, DeadLetters(cast(Producer, producer), GROUP), effects.one, effects.many, whole=True)
    assert await whole.handle(records) == records
    assert (effects.calls, effects.handled, producer.raw) == ([], [], [])
    effects = Effects()
    whole = Handling(GROUP, DeadLetters(cast(Producer, producer), GROUP), effects.one, effects.many, whole=True)
    assert await whole.handle(records) == []
    assert effects.handled == _ids(records)
    assert len(producer.raw) == 1


async def test_a_whole_batch_may_be_a_single_event(producer: FakeProducer) -> None:
    effects = Effects()
    whole = Handling(GROUP, DeadLetters(cast(Producer, producer), GROUP), effects.one, effects.many, whole=True)
    assert await whole.handle(_records(1)) == []
    assert effects.calls == []


def test_an_event_knows_where_it_was_read(producer: FakeProducer) -> None:
    event = _record(FakeMessage(EVENTS[0], 7, 3)).event
    assert event == EVENTS[0]
    assert event is not None
    assert event.position == Position(3, 7)
