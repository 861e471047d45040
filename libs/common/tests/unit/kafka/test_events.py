"""The envelope: what is sent is what is read, and what is no event says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rookery.user.v1.events_pb2 import FollowEnded
from rookery_common.kafka.events import Event, Headers, UndecodableEvent, message_class, new_event
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.golden import EXAMPLES, golden, golden_events, golden_message

TOPICS: dict[str, Any] = yaml.safe_load(Path(EXAMPLES.parent, "topics.yaml").read_text())["topics"]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_message_of_a_topic_has_an_example_that_decodes(topic: str) -> None:
    events = golden_events(topic)
    assert {event.type for event in events} == set(TOPICS[topic]["messages"])
    for event in events:
        assert event.decode().SerializeToString(deterministic=True)
        assert event.version > 0


@pytest.mark.parametrize("event", [event for topic in TOPICS for event in golden_events(topic)], ids=lambda e: e.type)
def test_an_event_survives_its_way_through_headers(event: Event) -> None:
    assert Event.from_message(event.topic, event.key.encode(), event.payload, event.to_headers()) == event


def test_a_new_event_has_all_attributes_of_cloudevents(clock: FakeClock) -> None:
    message = golden_message("user.events.v1", "FollowEnded")
    event = new_event("user.events.v1", "2:1", message, version=3, clock=clock, source="user")
    headers = dict(event.to_headers())
    assert headers.pop("ce_id").decode() == event.event_id
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_source": b"user",
        "ce_type": b"rookery.user.v1.FollowEnded",
        "ce_time": b"2026-03-01T12:00:00Z",
        "ce_subject": b"2:1",
        "ce_aggregateversion": b"3",
        "content-type": b"application/protobuf",
    }
    assert event.decode() == message


def test_ids_of_events_rise_with_time(clock: FakeClock) -> None:
    events = [new_event("t", "1", FollowEnded(), version=1, clock=clock, source="user") for _ in range(100)]
    assert sorted(event.event_id for event in events) == [event.event_id for event in events]


@pytest.mark.parametrize(
    ("header", "value", "problem"),
    [
        ("ce_specversion", b"0.3", "ce_specversion is not 1.0"),
        ("content-type", b"application/json", "content-type is not application/protobuf"),
        ("ce_id", b"7", "ce_id is malformed"),
        ("ce_id", b"", "ce_id is missing"),
        ("ce_type", b"os.path.PostCreated", "ce_type is malformed"),
        ("ce_time", b"yesterday", "ce_time is not a time"),
        ("ce_time", b"2026-03-01T12:00:00", "ce_time has no time zone"),
        ("ce_aggregateversion", b"-1", "ce_aggregateversion is not a number"),
        ("ce_aggregateversion", b"1" * 40, "ce_aggregateversion is not a number"),
        ("ce_subject", b"", "ce_subject is missing"),
        ("ce_source", b"\xff", "headers or key are not UTF-8"),
    ],
)
def test_a_wrong_header_is_named(header: str, value: bytes, problem: str) -> None:
    event = golden("post.events.v1", "PostCreated")
    headers: Headers = [(name, value if name == header else was) for name, was in event.to_headers()]
    with pytest.raises(UndecodableEvent, match=problem):
        Event.from_message("post.events.v1", b"1", event.payload, headers)


def test_a_record_without_headers_is_no_event() -> None:
    with pytest.raises(UndecodableEvent):
        Event.from_message("post.events.v1", b"1", b"x", None)


def test_a_payload_that_does_not_parse_is_undecodable_and_its_bytes_are_not_told() -> None:
    event = golden("post.events.v1", "PostCreated")
    broken = Event.from_message("t", b"1", b"\xffsecret", event.to_headers())
    with pytest.raises(UndecodableEvent, match=r"^the payload is no rookery\.post\.v1\.PostCreated$"):
        broken.decode()


@pytest.mark.parametrize("name", ["rookery.post.v1.PostBurnt", "rookery.nothing.v1.Event", "google.protobuf.Nothing"])
def test_a_type_that_is_not_known_here_is_undecodable(name: str) -> None:
    with pytest.raises(UndecodableEvent):
        message_class(name)
