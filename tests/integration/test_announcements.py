"""Announcements through Mastodon.py: the staff publishes one, people put emojis beside it and have read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from harness.moderators import appoint
from harness.people import Person
from harness.platform import Platform
from mastodon import MastodonAPIError, MastodonNotFoundError

DESK = "/api/rookery/v1/desk/announcements"
BIRD, HEART = "\N{BIRD}", "\N{HEAVY BLACK HEART}\ufe0f"


@pytest.fixture(scope="module")
def staff(platform: Platform) -> Person:
    return appoint(platform.url, "admin")


@pytest.fixture
def announced(platform: Platform, http: httpx2.Client, staff: Person) -> Iterator[str]:
    """The id of one that is published, and withdrawn after the test."""
    headers = {"authorization": f"Bearer {staff.token}"}
    body = {"text": "The nest is swept", "starts_at": "2026-03-01", "all_day": True, "published": True}
    made = http.post(DESK, json=body, headers=headers).raise_for_status().json()
    yield made["id"]
    http.delete(f"{DESK}/{made['id']}", headers=headers).raise_for_status()
    assert made["id"] not in {each["id"] for each in http.get(DESK, headers=headers).json()}


def _shown(person: Person, number: str) -> Any:
    return next((each for each in person.api.announcements() if str(each["id"]) == number), None)


def test_people_react_to_an_announcement_and_have_read_it(announced: str, alice: Person, bob: Person) -> None:
    first = _shown(alice, announced)
    assert (first["content"], first["all_day"], first["read"]) == ("<p>The nest is swept</p>", True, False)
    alice.api.announcement_reaction_create(announced, BIRD)
    bob.api.announcement_reaction_create(announced, BIRD)
    bob.api.announcement_reaction_create(announced, HEART)
    reactions = [(each["name"], each["count"], each["me"]) for each in _shown(alice, announced)["reactions"]]
    assert reactions == [(BIRD, 2, True), (HEART, 1, False)]
    alice.api.announcement_reaction_delete(announced, BIRD)
    assert [each["count"] for each in _shown(bob, announced)["reactions"]] == [1, 1]
    alice.api.announcement_dismiss(announced)
    assert _shown(alice, announced) is None
    assert not _shown(bob, announced)["read"]


def test_what_is_no_emoji_and_what_is_not_announced_is_refused(announced: str, alice: Person) -> None:
    with pytest.raises(MastodonAPIError, match="emoji"):
        alice.api.announcement_reaction_create(announced, "bird")
    with pytest.raises(MastodonNotFoundError):
        alice.api.announcement_dismiss(1)


def test_only_whom_a_role_permits_it_announces(http: httpx2.Client, platform: Platform) -> None:
    moderator = appoint(platform.url)
    answer = http.post(DESK, json={"text": "Mine"}, headers={"authorization": f"Bearer {moderator.token}"})
    assert answer.status_code == 403
