"""Post's events, as their examples have them: judged in any order, any number of times."""

from __future__ import annotations

from typing import Any

import pytest

from moderation_service.consumers import POST_TOPIC, PostEventsHandler, subject_of
from moderation_service.models import State
from moderation_service.policy.parse import parse_policy
from rookery_common.testing.golden import golden, golden_events, golden_message, golden_names

BIRDS = "version: 1\nrules: [{name: birds, action: hold, keywords: [kingfisher]}]"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("PostCreated", State.VISIBLE),
        ("PostCreated_held", State.HELD),
        ("PostVisible", State.VISIBLE),
        ("PostUpdated", State.VISIBLE),
        ("PostUpdated_removed", State.REMOVED),
    ],
)
def test_an_event_brings_a_post_in_its_state(name: str, state: State) -> None:
    subject = subject_of(golden_message(POST_TOPIC, name))
    assert subject is not None
    assert subject.state is state


def test_what_readers_see_is_judged_descriptions_too() -> None:
    subject = subject_of(golden_message(POST_TOPIC, "PostCreated"))
    assert subject is not None
    assert subject.texts == ("A kingfisher, at last! #birds @bob", "A blue bird on a branch")
    assert not subject.is_reblog


def test_a_reblog_is_known_as_one_and_a_deletion_is_not_judged() -> None:
    reblog = subject_of(golden_message(POST_TOPIC, "PostCreated_reblog"))
    assert reblog is not None
    assert reblog.is_reblog
    assert subject_of(golden_message(POST_TOPIC, "PostDeleted")) is None


async def test_all_examples_again_change_nothing(world: Any) -> None:
    world.policy = parse_policy(BIRDS)
    handler = PostEventsHandler(world.judge)
    for event in golden_events(POST_TOPIC):
        await handler(event)
    states, lines = await world.states(), await world.audited()
    assert states
    for event in golden_events(POST_TOPIC)[::-1]:
        await handler(event)
    assert await world.states() == states
    assert await world.audited() == lines


async def test_every_example_can_be_the_first(world: Any) -> None:
    handler = PostEventsHandler(world.judge)
    for name in golden_names(POST_TOPIC):
        await handler(golden(POST_TOPIC, name))
