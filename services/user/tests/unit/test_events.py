"""What is published equals the examples that consumers read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden
from user_service.events import TOPIC, Events
from user_service.models import Account, Follow, ProfileField

if TYPE_CHECKING:
    from rookery_common.kafka.events import Event

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FOLLOWED = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
ALICE, BOB = 815916279398400001, 815916279398400002


@pytest.fixture
def events(clock: FakeClock) -> Events:
    return Events(clock)


def _assert_golden(event: Event, name: str) -> None:
    example = golden(TOPIC, name)
    assert event.decode() == example.decode()
    for field in ("type", "topic", "key", "aggregate_id", "version", "source"):
        assert getattr(event, field) == getattr(example, field), field


def test_accounts_are_told_of_as_in_the_examples(events: Events) -> None:
    account = Account(ALICE, "alice", CREATED, "Alice", "Birds, mostly.", discoverable=True, indexable=True, version=1)
    _assert_golden(events.account_created(account), "AccountCreated")
    updated = Account(
        ALICE, "alice", CREATED, "Alice A.", "Birds, mostly.", locked=True, discoverable=True, indexable=True,
        fields=(ProfileField("Home", "Lisbon"),), version=2,
    )  # fmt: skip
    _assert_golden(events.account_updated(updated), "AccountUpdated")


def test_follows_are_told_of_as_in_the_examples(events: Events) -> None:
    created = Follow(BOB, ALICE, 1, FOLLOWED, active=True, version=1)
    _assert_golden(events.follow_created(created), "FollowCreated")
    updated = Follow(BOB, ALICE, 1, FOLLOWED, False, True, ("en", "pt"), True, 2)
    _assert_golden(events.follow_updated(updated), "FollowUpdated")
    ended = Follow(BOB, ALICE, 1, FOLLOWED, active=False, version=3)
    _assert_golden(events.follow_ended(ended), "FollowEnded")


def test_a_verified_field_carries_its_time(events: Events) -> None:
    account = Account(ALICE, "alice", CREATED, fields=(ProfileField("Home", "x", CREATED),))
    message = events.account_created(account).decode()
    assert message.account.fields[0].verify_time.ToDatetime(tzinfo=UTC) == CREATED  # type: ignore[attr-defined]
