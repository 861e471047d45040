"""What clients tell of their readers: taken, published without a name, or refused by the field."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.analytics.v1.events_pb2 import InteractionKind, InteractionRecorded
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.events import FakeProducer

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/rookery/v1/interactions"


@pytest.fixture
def producer(world: World) -> FakeProducer:
    producer = FakeProducer()
    cast(Any, world).producer = producer
    return producer


@pytest.fixture
def reader(world: World) -> dict[str, str]:
    return world.newcomer("reader")[1]


async def test_a_batch_is_published_by_post_and_names_nobody(
    http: httpx2.AsyncClient, producer: FakeProducer, reader: dict[str, str], clock: FakeClock
) -> None:
    at = (clock.now() - timedelta(minutes=3)).isoformat()
    batch = [
        {"post_id": "77", "kind": "open", "surface": "home", "at": at},
        {"post_id": 78, "kind": "impression"},
    ]
    answer = await http.post(PATH, json={"interactions": batch}, headers=reader)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    assert [(event.topic, event.key) for event in producer.sent] == [
        ("analytics.interactions.v1", "77"),
        ("analytics.interactions.v1", "78"),
    ]
    first, second = (cast(InteractionRecorded, event.decode()) for event in producer.sent)
    assert (first.kind, first.surface) == (InteractionKind.INTERACTION_KIND_OPEN, "home")
    assert first.interact_time.ToSeconds() == int(clock.now().timestamp()) - 180
    assert (second.kind, second.surface) == (InteractionKind.INTERACTION_KIND_IMPRESSION, "other")
    assert set(first.DESCRIPTOR.fields_by_name) == {"post_id", "kind", "interact_time", "surface"}


async def test_a_retry_with_the_same_key_is_the_same_events(
    http: httpx2.AsyncClient, producer: FakeProducer, world: World, reader: dict[str, str], clock: FakeClock
) -> None:
    body = {"interactions": [{"post_id": "77", "kind": "open"}, {"post_id": "77", "kind": "link"}]}
    keyed = {**reader, "idempotency-key": "once"}
    await http.post(PATH, json=body, headers=keyed)
    clock.advance(61)
    await http.post(PATH, json=body, headers=keyed)
    await http.post(PATH, json=body, headers={**world.newcomer("other")[1], "idempotency-key": "once"})
    await http.post(PATH, json=body, headers=reader)
    ids = [event.event_id for event in producer.sent]
    assert ids[0:2] == ids[2:4]
    assert len(set(ids)) == 6


@pytest.mark.parametrize(
    ("interaction", "pointer"),
    [
        ({"kind": "open"}, "post_id"),
        ({"post_id": "0", "kind": "open"}, "post_id"),
        ({"post_id": "x", "kind": "open"}, "post_id"),
        ({"post_id": "7"}, "kind"),
        ({"post_id": "7", "kind": "stare"}, "kind"),
        ({"post_id": "7", "kind": "open", "surface": "fridge"}, "surface"),
        ({"post_id": "7", "kind": "open", "at": "yesterday"}, "at"),
        ({"post_id": "7", "kind": "open", "at": "2001-01-01T00:00:00Z"}, "at"),
        ({"post_id": "7", "kind": "open", "at": "9999-12-31T23:59:59-23:59"}, "at"),
        ({"post_id": "7", "kind": "open", "reader": "me"}, "reader"),
    ],
)
async def test_what_is_wrong_is_named_with_its_place(
    http: httpx2.AsyncClient,
    producer: FakeProducer,
    reader: dict[str, str],
    interaction: dict[str, str],
    pointer: str,
) -> None:
    good = {"post_id": "7", "kind": "open"}
    answer = await http.post(PATH, json={"interactions": [good, interaction]}, headers=reader)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == f"#/interactions[1].{pointer}"
    assert producer.sent == []


@pytest.mark.parametrize(
    "body", [{}, {"interactions": []}, {"interactions": [{"post_id": "7", "kind": "open"}] * 101}, {"events": []}]
)
async def test_a_batch_is_of_one_to_a_hundred(
    http: httpx2.AsyncClient, producer: FakeProducer, reader: dict[str, str], body: dict[str, Any]
) -> None:
    assert (await http.post(PATH, json=body, headers=reader)).status_code == 422


async def test_without_kafka_the_answer_is_503(
    http: httpx2.AsyncClient, producer: FakeProducer, reader: dict[str, str]
) -> None:
    producer.away = True
    body = {"interactions": [{"post_id": "7", "kind": "open"}]}
    answer = await http.post(PATH, json=body, headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (503, "EVENT_NOT_PUBLISHED")
    assert "retry-after" in answer.headers


async def test_strangers_tell_nothing(http: httpx2.AsyncClient, producer: FakeProducer) -> None:
    assert (await http.post(PATH, json={"interactions": []})).status_code == 401
