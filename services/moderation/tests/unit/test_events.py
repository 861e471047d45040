"""What is published equals the examples that consumers read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moderation_service.events import ANNOUNCEMENT_TOPIC, REPORT_TOPIC, TOPIC, Events
from moderation_service.models import Category, Decision, Report, State
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden

POST, ALICE, MODERATOR = 815916531056640001, 815916279398400001, 815916279398400009
BOB, REPORT = 815916279398400002, 815916656885760001


def at(minute: int, second: int) -> datetime:
    return datetime(2026, 3, 1, 12, minute, second, tzinfo=UTC)


DECISIONS = {
    "PostDecided": Decision(
        815916950487040001, POST, ALICE, State.REMOVED, "report", at(2, 40), version=2, moderator_id=MODERATOR
    ),
    "PostDecided_held": Decision(815916535250944001, POST, ALICE, State.HELD, "bird-spoilers", at(1, 1), version=1),
    "PostDecided_visible": Decision(
        815917160202240001, POST, ALICE, State.VISIBLE, "moderator", at(3, 30), version=3, moderator_id=MODERATOR
    ),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions_are_told_of_as_in_the_examples(clock: FakeClock, name: str) -> None:
    equals(Events(clock).post_decided(DECISIONS[name]), golden(TOPIC, name))


def test_a_report_is_told_of_as_in_the_example(clock: FakeClock) -> None:
    report = Report(REPORT, BOB, ALICE, (POST,), "Rude", Category.SPAM, at(1, 30), at(1, 30))
    equals(Events(clock).report_created(report), golden(REPORT_TOPIC, "ReportCreated"))


def test_announcements_are_told_of_as_in_the_examples() -> None:
    number, events = 815917000000000001, Events(FakeClock(at(5, 0)))
    equals(events.announcement_listed(number), golden(ANNOUNCEMENT_TOPIC, "AnnouncementListed"))
    equals(events.announcement_unlisted(number), golden(ANNOUNCEMENT_TOPIC, "AnnouncementUnlisted"))
    counts = {"\N{BIRD}": 2, "\N{HEAVY BLACK HEART}\ufe0f": 0}
    changed = golden(ANNOUNCEMENT_TOPIC, "AnnouncementReactionsChanged")
    equals(events.announcement_reactions_changed(number, counts), changed)


def equals(event: Event, example: Event) -> None:
    assert event.decode() == example.decode()
    for field in ("type", "topic", "key", "aggregate_id", "version", "source"):
        assert getattr(event, field) == getattr(example, field), field
