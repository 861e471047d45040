"""What may become of the consumer group, on a real broker."""

from __future__ import annotations

from typing import Any

from moderation_service.consumers import POST_GROUP, POST_TOPIC, PostEventsHandler
from moderation_service.models import State
from moderation_service.policy.parse import parse_policy
from rookery.post.v1.events_pb2 import PostCreated
from rookery_common.kafka.events import Event, new_event
from rookery_common.testing.consuming import group_on_trial, one_by_one, prove
from rookery_common.testing.golden import golden_message

BIRDS = "version: 1\nrules: [{name: birds, action: hold, keywords: [kingfisher]}]"


async def test_each_post_is_decided_once_whatever_becomes_of_the_group(
    world: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    world.policy = parse_policy(BIRDS)

    def told_of(number: int) -> Event:
        message = golden_message(POST_TOPIC, "PostCreated")
        assert isinstance(message, PostCreated)
        message.post.post_id, message.post.text = number, f"A kingfisher, number {number}"
        return new_event(POST_TOPIC, str(number), message, version=1, clock=world.clock, source="post")

    async def decided() -> tuple[list[tuple[int, State]], list[tuple[int, str]]]:
        states = [(post_id, state) for post_id, state, _, _ in await world.states()]
        return sorted(states), sorted((line["post_id"], line["action"]) for line in await world.audited())

    numbers = list(range(1, 13))
    events = [told_of(number) for number in numbers]
    handle = one_by_one(PostEventsHandler(world.judge))
    async with group_on_trial(kafka_bootstrap, topic_prefix, POST_GROUP, POST_TOPIC, handle, alone=True) as trial:
        found = await prove(trial, events[:8], events[8:], decided)
    assert found == ([(number, State.HELD) for number in numbers], [(number, "decision") for number in numbers])
