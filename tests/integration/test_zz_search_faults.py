"""Search loses its engine, its process, its index: the rest goes on, and nothing posted meanwhile stays missing."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time

import httpx2
import pytest
from harness.people import Person
from harness.platform import ROOT, Platform
from harness.waiting import eventually

pytestmark = pytest.mark.local

RECOVERY_SECONDS = 90.0
AT_ONCE_SECONDS = 10.0


def found(person: Person, query: str) -> list[str]:
    """Ids of the statuses that the person finds; none while search is away."""
    try:
        answer = person.api.search_v2(query, result_type="statuses", limit=40)
    except Exception as error:  # it is away for a moment: that is the point
        return [type(error).__name__]
    return [str(status["id"]) for status in answer["statuses"]]


def refused(http: httpx2.Client, person: Person) -> None:
    """503 at once for both routes of search, while the others answer."""
    headers = {"authorization": f"Bearer {person.token}"}
    for path in ("/api/v2/search", "/api/v1/accounts/search"):
        begun = time.monotonic()
        answer = http.get(path, params={"q": person.username}, headers=headers)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert http.get(f"/api/v1/accounts/{person.account_id}", headers=headers).status_code == 200
    assert person.home_ids() is not None


@pytest.mark.alone
def test_without_its_engine_search_is_away_and_catches_up(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    word = f"rare{secrets.token_hex(6)}"
    before = str(alice.api.status_post(f"{word} before")["id"])
    eventually(lambda: found(bob, word), lambda ids: ids == [before], within=RECOVERY_SECONDS, what="the first post")
    platform.stop("elasticsearch")
    try:
        refused(http, bob)
        meanwhile = [str(alice.api.status_post(f"{word} meanwhile {number}")["id"]) for number in range(3)]
    finally:
        platform.start("elasticsearch")
    everything = [*meanwhile[::-1], before]
    eventually(lambda: found(bob, word), lambda ids: ids == everything, within=RECOVERY_SECONDS, what="all posts")


def test_search_killed_while_it_indexes_finds_each_post_once(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    word = f"rare{secrets.token_hex(6)}"
    posted = []
    for number in range(9):
        posted.append(str(alice.api.status_post(f"{word} {number}")["id"]))
        if number % 4 == 2:
            platform.kill("search")
            refused(http, bob)
            platform.start("search")
    expected = posted[::-1]
    eventually(lambda: found(bob, word), lambda ids: ids == expected, within=RECOVERY_SECONDS, what="all posts")


def test_index_made_again_while_people_post_misses_nothing(platform: Platform, alice: Person, bob: Person) -> None:
    word = f"rare{secrets.token_hex(6)}"
    posted = [str(alice.api.status_post(f"{word} {number}")["id"]) for number in range(3)]
    private = str(alice.api.status_post(f"{word} private", visibility="direct")["id"])
    platform.drain()
    command = [sys.executable, "-m", "search_service", "rebuild"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as rebuild:  # noqa: S603  # our own
        while rebuild.poll() is None:
            posted.append(str(alice.api.status_post(f"{word} {len(posted)}")["id"]))
            time.sleep(0.3)
        told = rebuild.stdout.read() if rebuild.stdout else ""
    assert rebuild.returncode == 0
    assert " accounts, " in told
    assert len(posted) > 3
    platform.drain()
    expected = posted[::-1]
    eventually(lambda: found(bob, word), lambda ids: ids == expected[:40], within=RECOVERY_SECONDS, what="all posts")
    own = sorted([*posted, private], key=int, reverse=True)
    assert found(alice, word) == own[:40]
