"""What an announcement may say, and what may be put beside one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moderation_service.announcements.models import Content, check_reaction
from moderation_service.errors import FieldInvalid

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("text", {"text": ""}),
        ("text", {"text": " \n\t"}),
        ("text", {"text": "x" * 5_001}),
        ("starts_at", {"starts_at": NOW + 3_654 * DAY}),
        ("starts_at", {"starts_at": datetime.min.replace(tzinfo=UTC)}),
        ("scheduled_at", {"scheduled_at": NOW - 3_654 * DAY}),
        ("scheduled_at", {"scheduled_at": NOW, "ends_at": NOW}),
        ("ends_at", {"ends_at": datetime.max.replace(tzinfo=UTC)}),
        ("ends_at", {"starts_at": NOW, "ends_at": NOW - timedelta(microseconds=1)}),
        ("all_day", {"all_day": True}),
    ],
)
def test_what_is_wrong_is_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(FieldInvalid) as refused:
        Content(**{"text": "News", **changes}).check(NOW)
    assert [violation.field for violation in refused.value.fields] == [field]


def test_the_longest_text_and_an_end_with_the_beginning_are_taken() -> None:
    Content("\N{BIRD}" * 5_000, NOW, NOW, all_day=True, published=True).check(NOW)
    Content("News", ends_at=NOW + 3_652 * DAY, all_day=True).check(NOW)


def test_one_of_whole_days_is_listed_until_its_last_day_is_over() -> None:
    assert Content("News").listed_until is None
    assert Content("News", ends_at=NOW).listed_until == NOW
    assert Content("News", ends_at=NOW, all_day=True).listed_until == datetime(2026, 3, 2, tzinfo=UTC)


def test_it_is_listed_from_its_time_to_its_end_if_it_is_published() -> None:
    lasting, ending = Content("News", published=True), Content("News", ends_at=NOW, published=True)
    coming = Content("News", ends_at=NOW + 2 * DAY, published=True, scheduled_at=NOW + DAY)
    draft = Content("News", ends_at=NOW + DAY, scheduled_at=NOW)
    assert [each.is_listed(NOW) for each in (lasting, ending, coming, draft)] == [True, False, False, False]
    assert [each.next_change(NOW) for each in (lasting, ending, coming, draft)] == [None, None, NOW + DAY, None]
    assert (coming.is_listed(NOW + DAY), coming.next_change(NOW + DAY)) == (True, NOW + 2 * DAY)
    assert ending.next_change(NOW - DAY) == NOW


@pytest.mark.parametrize("name", ["\N{BIRD}", "\N{HEAVY BLACK HEART}\ufe0f", "\U0001f1eb\U0001f1ee", "1\ufe0f\u20e3"])
def test_an_emoji_is_one_whatever_it_is_made_of(name: str) -> None:
    check_reaction(name)


@pytest.mark.parametrize("name", ["", "a", "1", "bird", ":bird:", "\N{BIRD}\N{BIRD}", "\N{BIRD} ", "\U0001f1eb"])
def test_what_is_no_emoji_is_refused(name: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        check_reaction(name)
    assert [(violation.field, violation.code) for violation in refused.value.fields] == [("name", "ERR_INCLUSION")]
