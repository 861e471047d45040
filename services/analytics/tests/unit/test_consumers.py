"""The golden events of others: what they count as, and what of them is archived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message

from analytics_service.consumers.archiving import TOPICS as ARCHIVED
from analytics_service.consumers.archiving import row_of
from analytics_service.consumers.counting import TOPICS as COUNTED
from analytics_service.consumers.counting import CountingHandler, observation_of
from analytics_service.models import Measure
from analytics_service.service.counting import Counting
from rookery_common.kafka.events import Event, Position
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_events, golden_message

POST, USER = "post.events.v1", "user.events.v1"
ENGAGEMENT, INTERACTIONS = "post.engagement.v1", "analytics.interactions.v1"
ACTIVE, USERS, POSTS = Measure.ACTIVE_USERS, Measure.NEW_USERS, Measure.NEW_POSTS
ACTS = Measure.INTERACTIONS


def _read(event: Event, offset: int = 3) -> Event:
    return replace(event, position=Position(2, offset))


@pytest.mark.parametrize(
    ("topic", "name", "measures"),
    [
        (USER, "AccountCreated", {USERS, ACTIVE}),
        (USER, "AccountUpdated", None),
        (USER, "FollowCreated", {Measure.FOLLOWS, ACTIVE}),
        (USER, "FollowEnded", None),
        (POST, "PostCreated", {POSTS, ACTIVE}),
        (POST, "PostCreated_reply", {POSTS, ACTS, ACTIVE}),
        (POST, "PostCreated_reblog", {ACTS, ACTIVE}),
        (POST, "PostVisible", None),
        (POST, "PostDeleted", None),
        (ENGAGEMENT, "PostFavourited", {Measure.FAVOURITES, ACTS, ACTIVE}),
        (ENGAGEMENT, "PostUnfavourited", None),
        (INTERACTIONS, "InteractionRecorded", {ACTS}),
        (INTERACTIONS, "InteractionRecorded_impression", {Measure.IMPRESSIONS}),
    ],
)
def test_an_event_counts_as_what_was_done(topic: str, name: str, measures: set[Measure] | None) -> None:
    found = observation_of(_read(golden(topic, name)))
    assert (found.measures if found else None) == measures
    if found is not None:
        assert (found.source, found.offset) == (f"{topic}/2", 3)
        assert found.at_seconds == int(golden(topic, name).occurred_at.timestamp())


async def test_all_examples_are_counted_and_once(windows: Any, counted: Any, clock: FakeClock) -> None:
    handler = CountingHandler(Counting(windows, counted, clock))
    events = [_read(event, offset) for topic in COUNTED for offset, event in enumerate(golden_events(topic))]
    await handler(events)
    before = dict(windows.rows)
    await handler(events)
    for event in events:
        await handler([event])
    assert windows.rows == before


def test_an_event_whose_place_is_not_known_is_a_defect() -> None:
    with pytest.raises(ValueError, match="position"):
        observation_of(golden(POST, "PostCreated"))


@pytest.mark.parametrize("topic", ARCHIVED)
def test_nothing_that_somebody_wrote_is_archived(topic: str) -> None:
    for event in golden_events(topic):
        facts = row_of(_read(event)).facts
        for text in _texts(event.decode()):
            assert json.dumps(text, ensure_ascii=False) not in facts
            assert json.dumps(text) not in facts


def _texts(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                yield from _texts(item)
            elif isinstance(item, str) and field.name != "surface":
                yield item


def test_ids_kinds_flags_and_times_are_archived() -> None:
    row = row_of(_read(golden(INTERACTIONS, "InteractionRecorded")))
    assert json.loads(row.facts) == {
        "post_id": 815916531056640001,
        "kind": "INTERACTION_KIND_OPEN",
        "interact_time": "2026-03-01T12:04:58Z",
        "surface": "home",
    }
    assert (row.partition, row.offset, row.topic, row.version) == (2, 3, INTERACTIONS, 1)
    post = json.loads(row_of(_read(golden(POST, "PostCreated_reply"))).facts)["post"]
    message: Any = golden_message(POST, "PostCreated_reply")
    assert post["author_id"] == message.post.author_id
    assert post["in_reply_to_id"] == message.post.in_reply_to_id
    assert "text" not in post
