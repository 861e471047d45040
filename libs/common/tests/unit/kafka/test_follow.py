"""Since when a follower has missed nothing."""

from __future__ import annotations

import math
import time
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from rookery_common.kafka.events import Event
from rookery_common.kafka.follow import ANSWER_SECONDS, Follower


class Failed:
    """A message that stands for what went wrong with a fetch."""

    def __init__(self, code: int) -> None:
        self._code = code

    def error(self) -> KafkaError:
        return KafkaError(self._code)


@pytest.fixture
def follower() -> Follower:
    """One that follows since the first second, and has an answer of now."""

    async def handle(_event: Event) -> None:
        raise ValueError("a defect")

    made = Follower("127.0.0.1:1", ["post.events.v1"], handle, name="gateway")
    assert made.complete_since() == math.inf
    made._known, made._complete_from, made._answered_at = {("post.events.v1", 0)}, 1.0, time.monotonic()
    assert made.complete_since() == 1.0
    return made


async def test_what_may_have_been_missed_by_a_failed_fetch_counts_from_then(follower: Follower) -> None:
    await follower._handle(cast(Any, Failed(KafkaError._PARTITION_EOF)))
    assert follower.complete_since() == 1.0
    before = time.monotonic()
    await follower._handle(cast(Any, Failed(KafkaError.OFFSET_OUT_OF_RANGE)))
    assert follower.complete_since() >= before


def test_while_kafka_does_not_answer_nothing_is_complete(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.monotonic() + ANSWER_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert follower.complete_since() == math.inf
