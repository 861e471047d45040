"""What is published equals the examples that consumers read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden
from user_service.events import TOPIC, Events
from user_service.models import Account, ProfileField
from user_service.relationship_events import RelationshipEvents
from user_service.relationships.models import Block, Follow, Mute

if TYPE_CHECKING:
    from rookery_common.kafka.events import Event

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FOLLOWED = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
ALICE, BOB = 815916279398400001, 815916279398400002


@pytest.fixture
def events(clock: FakeClock) -> Events:
    return Events(clock)


@pytest.fixture
def relationship_events(clock: FakeClock) -> RelationshipEvents:
    return RelationshipEvents(clock)


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


def test_a_deleted_account_is_told_of_as_in_the_example() -> None:
    events = Events(FakeClock(datetime(2026, 3, 1, 12, 0, 44, tzinfo=UTC)))
    _assert_golden(events.account_deleted(ALICE, 8), "AccountDeleted")


def test_filters_are_told_of_without_what_they_say(events: Events) -> None:
    _assert_golden(events.filters_changed(ALICE, 815916279398400777), "FiltersChanged")


def test_lists_are_told_of_without_what_they_hold(events: Events) -> None:
    _assert_golden(events.lists_changed(ALICE, 815916279398400777), "ListsChanged")


def test_followed_hashtags_are_told_of_without_which_they_are(events: Events) -> None:
    _assert_golden(events.followed_tags_changed(ALICE, 815916279398400777), "FollowedTagsChanged")


def test_home_preferences_are_told_of_without_what_they_are(events: Events) -> None:
    _assert_golden(events.home_preferences_changed(ALICE, 815916279398400777), "HomePreferencesChanged")


def test_posting_defaults_are_told_of_without_what_they_are(events: Events) -> None:
    _assert_golden(events.posting_defaults_changed(ALICE, 815916279398400777), "PostingDefaultsChanged")


def test_follows_are_told_of_as_in_the_examples(relationship_events: RelationshipEvents) -> None:
    follow = relationship_events.follow
    created = Follow(BOB, ALICE, 1, FOLLOWED, active=True, version=1)
    _assert_golden(follow(Follow(BOB, ALICE, 0, FOLLOWED), created), "FollowCreated")
    updated = Follow(BOB, ALICE, 1, FOLLOWED, False, True, ("en", "pt"), True, 2)
    _assert_golden(follow(created, updated), "FollowUpdated")
    ended = Follow(BOB, ALICE, 1, FOLLOWED, active=False, version=3)
    _assert_golden(follow(created, ended), "FollowEnded")


def test_requests_to_follow_are_told_of_as_in_the_examples(relationship_events: RelationshipEvents) -> None:
    asked = Follow(BOB, ALICE, 1, FOLLOWED, version=4, requested=True, requested_at=FOLLOWED)
    _assert_golden(relationship_events.follow(Follow(BOB, ALICE, 0, FOLLOWED), asked), "FollowRequested")
    ended = Follow(BOB, ALICE, 1, FOLLOWED, version=5, requested_at=FOLLOWED)
    _assert_golden(relationship_events.follow(asked, ended), "FollowRequestEnded")
    granted = relationship_events.follow(asked, asked.granted(2, FOLLOWED))
    assert granted.type.endswith("FollowCreated")


def test_blocks_and_mutes_are_told_of_as_in_the_examples(relationship_events: RelationshipEvents) -> None:
    _assert_golden(relationship_events.block(Block(ALICE, BOB, 1, FOLLOWED, True, 1)), "BlockCreated")
    _assert_golden(relationship_events.block(Block(ALICE, BOB, 1, FOLLOWED, False, 2)), "BlockEnded")
    never = Mute(ALICE, BOB, 0, FOLLOWED)
    created = Mute(ALICE, BOB, 1, FOLLOWED, active=True, version=1)
    updated = Mute(ALICE, BOB, 1, FOLLOWED, False, CREATED + timedelta(hours=1), True, 2)
    _assert_golden(relationship_events.mute(never, created), "MuteCreated")
    _assert_golden(relationship_events.mute(created, updated), "MuteUpdated")
    _assert_golden(relationship_events.mute(updated, updated.ended()), "MuteEnded")


def test_a_verified_field_carries_its_time(events: Events) -> None:
    account = Account(ALICE, "alice", CREATED, fields=(ProfileField("Home", "x", CREATED),))
    message = events.account_created(account).decode()
    assert message.account.fields[0].verify_time.ToDatetime(tzinfo=UTC) == CREATED  # type: ignore[attr-defined]
