"""Publishing right after the commit: in order, in batches, and never the request's problem."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from rookery_common.kafka import publisher as module
from rookery_common.kafka.events import Event
from rookery_common.kafka.publisher import BackgroundPublisher
from rookery_common.rpc.deadline import deadline, remaining
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden_events
from rookery_common.testing.waiting import eventually

EVENTS = golden_events("post.events.v1")


class Marks:
    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.left: list[float | None] = []

    async def __call__(self, events: Sequence[Event]) -> None:
        self.batches.append(list(events))
        self.left.append(remaining())


async def test_what_comes_meanwhile_goes_out_together_and_in_order() -> None:
    producer, marks = FakeProducer(), Marks()
    publisher = BackgroundPublisher(producer, marks)
    publisher.submit(EVENTS[:1])
    await asyncio.sleep(0)
    for event in EVENTS[1:4]:
        publisher.submit([event])
    await publisher.drain()
    assert producer.sent == EVENTS[:4]
    assert [event for batch in marks.batches for event in batch] == EVENTS[:4]


async def test_what_was_sent_one_after_another_is_marked_together() -> None:
    producer, marks = FakeProducer(), Marks()
    publisher = BackgroundPublisher(producer, marks)
    for count in (1, 2, 3):
        publisher.submit(EVENTS[count - 1 : count])
        await eventually(partial(producer.sent.__eq__, EVENTS[:count]))
    assert marks.batches == []
    await eventually(lambda: marks.batches == [EVENTS[:3]])


async def test_what_kafka_refuses_is_left_unmarked_and_later_events_still_go() -> None:
    producer, marks = FakeProducer(), Marks()
    publisher = BackgroundPublisher(producer, marks)
    producer.away = True
    publisher.submit(EVENTS[:2])
    await publisher.drain()
    producer.away = False
    publisher.submit(EVENTS[2:3])
    await publisher.drain()
    assert marks.batches == [EVENTS[2:3]]


async def test_the_deadline_of_the_request_does_not_hold_for_publishing() -> None:
    marks = Marks()
    publisher = BackgroundPublisher(FakeProducer(), marks)
    with deadline(0.001):
        publisher.submit(EVENTS[:1])
        await publisher.drain()
    assert [left is not None and left > 10 for left in marks.left] == [True]


async def test_a_backlog_is_bounded() -> None:
    producer = FakeProducer()
    publisher = BackgroundPublisher(producer, Marks())
    publisher.submit(EVENTS[:1] * (module.MAX_WAITING + 5))
    await publisher.drain()
    assert len(producer.sent) == module.MAX_WAITING
