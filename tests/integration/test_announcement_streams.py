"""Announcements are told live, by server-sent events and by WebSocket, as they are to whoever listens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from harness.moderators import appoint
from harness.people import Person
from harness.platform import Platform
from harness.streams import listening
from harness.waiting import eventually
from mastodon import StreamListener
from websockets.sync.client import ClientConnection, connect

DESK = "/api/rookery/v1/desk/announcements"
BIRD, HEART = "\N{BIRD}", "\N{HEAVY BLACK HEART}\ufe0f"
PATIENCE_SECONDS = 30


class Recorder(StreamListener):
    """What Mastodon.py makes of the frames."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_announcement(self, announcement: Any) -> None:
        self.told.append(("announcement", str(announcement["id"]), announcement["content"]))

    def on_announcement_reaction(self, reaction: Any) -> None:
        self.told.append(("reaction", str(reaction["announcement_id"]), reaction["name"], reaction["count"]))

    def on_announcement_delete(self, announcement_id: Any) -> None:
        self.told.append(("delete", str(announcement_id)))


class Desk:
    """The staff's side of announcements."""

    def __init__(self, http: httpx2.Client, staff: Person) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {staff.token}"}
        self.made: list[str] = []

    def announce(self, **content: Any) -> str:
        body = {"text": "The nest is swept", "published": True, **content}
        number: str = self._http.post(DESK, json=body, headers=self._headers).raise_for_status().json()["id"]
        self.made.append(number)
        return number

    def change(self, number: str, text: str) -> None:
        body = {"text": text, "published": True}
        self._http.put(f"{DESK}/{number}", json=body, headers=self._headers).raise_for_status()

    def withdraw(self, number: str) -> None:
        self._http.delete(f"{DESK}/{number}", headers=self._headers).raise_for_status()


@pytest.fixture(scope="module")
def staff(platform: Platform) -> Person:
    return appoint(platform.url, "admin")


@pytest.fixture
def desk(http: httpx2.Client, staff: Person) -> Iterator[Desk]:
    made = Desk(http, staff)
    yield made
    for number in made.made:
        made.withdraw(number)


@contextmanager
def socket(platform: Platform, person: Person) -> Iterator[ClientConnection]:
    url = f"{platform.url.replace('http', 'ws', 1)}/api/v1/streaming?stream=user&access_token={person.token}"
    with connect(url) as opened:
        # A ping is answered after what was sent before it.
        assert opened.ping().wait(timeout=PATIENCE_SECONDS)
        yield opened


def received(opened: ClientConnection, number: str, within: float = PATIENCE_SECONDS) -> tuple[str, Any]:
    """The next frame of this announcement. Raises TimeoutError."""
    ends = time.monotonic() + within
    while True:
        frame = json.loads(opened.recv(timeout=max(0.0, ends - time.monotonic())))
        if frame["event"].startswith("announcement"):
            payload = json.loads(frame["payload"])
            of = payload.get("announcement_id", payload.get("id")) if isinstance(payload, dict) else payload
            if str(of) == number:
                return frame["event"], payload


def test_a_listener_is_told_of_all_that_happens_to_one(desk: Desk, alice: Person, bob: Person) -> None:
    recorder = Recorder()
    with listening(alice, recorder):

        def told(*last: Any) -> None:
            eventually(lambda: recorder.told[-1:], lambda seen: seen == [last], within=PATIENCE_SECONDS, what=str(last))

        number = desk.announce()
        told("announcement", number, "<p>The nest is swept</p>")
        for person in (alice, bob):
            person.api.announcement_reaction_create(number, BIRD)
        told("reaction", number, BIRD, 2)
        for person in (alice, bob):
            person.api.announcement_reaction_delete(number, BIRD)
        told("reaction", number, BIRD, 0)
        desk.change(number, "Swept again")
        told("announcement", number, "<p>Swept again</p>")
        desk.withdraw(number)
        told("delete", number)
    counts = [each[3] for each in recorder.told if each[0] == "reaction"]
    assert len(counts) <= 4


def test_a_change_is_shown_to_each_with_their_own_marks(
    platform: Platform, desk: Desk, alice: Person, bob: Person
) -> None:
    number = desk.announce()
    with socket(platform, alice) as alices, socket(platform, bob) as bobs:
        alice.api.announcement_reaction_create(number, HEART)
        alice.api.announcement_dismiss(number)
        for opened in (alices, bobs):
            while received(opened, number)[0] != "announcement.reaction":
                continue
        desk.change(number, "Swept again")
        (event, mine), (_, theirs) = received(alices, number), received(bobs, number)
    assert (event, mine["content"], mine["read"], theirs["read"]) == (
        "announcement", "<p>Swept again</p>", True, False
    )  # fmt: skip
    assert [(each["count"], each["me"]) for each in (*mine["reactions"], *theirs["reactions"])] == [
        (1, True), (1, False)
    ]  # fmt: skip


def coming(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_scheduled_one_comes_by_itself_and_goes_by_itself(platform: Platform, desk: Desk, alice: Person) -> None:
    with socket(platform, alice) as opened:
        scheduled, ends = coming(4), coming(8)
        number = desk.announce(scheduled_at=scheduled.isoformat(), ends_at=ends.isoformat())
        assert number not in {str(each["id"]) for each in alice.api.announcements()}
        event, shown = received(opened, number)
        assert (event, shown["id"]) == ("announcement", number)
        assert datetime.now(UTC) >= scheduled
        assert number in {str(each["id"]) for each in alice.api.announcements()}
        assert received(opened, number)[0] == "announcement.delete"
        assert datetime.now(UTC) >= ends
        assert number not in {str(each["id"]) for each in alice.api.announcements()}


@pytest.mark.local
def test_what_is_due_while_moderation_is_dead_is_told_once_when_it_lives(
    platform: Platform, desk: Desk, alice: Person
) -> None:
    with socket(platform, alice) as opened:
        scheduled = coming(6)
        number = desk.announce(scheduled_at=scheduled.isoformat())
        platform.kill("moderation")
        try:
            with pytest.raises(TimeoutError):
                received(opened, number, within=(scheduled - datetime.now(UTC)).total_seconds() + 2)
        finally:
            platform.start("moderation")
        event, shown = received(opened, number)
        assert (event, shown["content"], shown["read"]) == ("announcement", "<p>The nest is swept</p>", False)
        desk.withdraw(number)
        assert received(opened, number)[0] == "announcement.delete"
