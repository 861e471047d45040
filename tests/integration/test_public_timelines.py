"""Timelines that are the same for everybody: all public posts, and those with a hashtag."""

from __future__ import annotations

import httpx2
import pytest
from harness.people import Person, jpeg
from harness.waiting import eventually

SHOWN_SECONDS = 30.0


@pytest.fixture
def tag(alice: Person) -> str:
    """One that nobody else uses."""
    return f"Rooks{alice.account_id}"


def tagged(who: Person, tag: str, **more: bool) -> list[str]:
    return [str(status["id"]) for status in who.api.timeline_hashtag(tag, **more)]


def joined(http: httpx2.Client, tag: str, query: str) -> list[str]:
    """With further hashtags, which Mastodon.py does not know."""
    return [status["id"] for status in http.get(f"/api/v1/timelines/tag/{tag}?{query}").json()]


def shown_as(who: Person, tag: str, expected: list[str]) -> None:
    eventually(lambda: tagged(who, tag), lambda ids: ids == expected, within=SHOWN_SECONDS, what=f"#{tag}")


def test_a_public_post_is_shown_to_everybody_by_its_hashtag_until_it_is_edited_or_deleted(
    http: httpx2.Client, alice: Person, bob: Person, tag: str
) -> None:
    first = str(alice.api.status_post(f"One #{tag}")["id"])
    picture = alice.api.media_post(jpeg(64, 48), mime_type="image/jpeg")
    second = str(alice.api.status_post(f"Two #{tag.lower()} #{tag}b", media_ids=[picture])["id"])
    unlisted = str(alice.api.status_post(f"Quietly #{tag}", visibility="unlisted")["id"])
    answer = str(bob.api.status_post(f"Indeed #{tag}", in_reply_to_id=first)["id"])
    shown_as(bob, tag, [answer, second, first])
    assert tagged(bob, tag, only_media=True) == joined(http, tag, f"all[]={tag}b") == [second]
    assert joined(http, tag, f"none[]={tag}b") == [answer, first]
    assert joined(http, f"{tag}b", f"any[]={tag}") == [answer, second, first]
    everybody = [status["id"] for status in http.get("/api/v1/timelines/public?local=true&limit=40").json()]
    assert second in everybody
    assert everybody.index(second) < everybody.index(first)
    assert not {unlisted, answer} & set(everybody)
    strangers = http.get(f"/api/v1/timelines/tag/{tag}", params={"limit": 2})
    assert [status["id"] for status in strangers.json()] == [answer, second]
    assert f"max_id={second}" in strangers.headers["link"]

    alice.api.status_update(first, f"One #{tag}b")
    shown_as(bob, tag, [answer, second])
    shown_as(bob, f"{tag}b", [second, first])
    alice.api.status_delete(second)
    shown_as(bob, tag, [answer])
    assert second not in [status["id"] for status in http.get("/api/v1/timelines/public?limit=40").json()]


def test_nobody_is_shown_whom_they_mute(alice: Person, bob: Person, carol: Person, tag: str) -> None:
    post = str(alice.api.status_post(f"One #{tag}")["id"])
    shown_as(bob, tag, [post])
    bob.api.account_mute(alice.account_id)
    assert tagged(bob, tag) == []
    assert tagged(carol, tag) == [post]
