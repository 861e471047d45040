"""One post travels from its author to a follower."""

from __future__ import annotations

import io

import httpx2
from harness.people import Person, jpeg
from harness.platform import Platform
from PIL import Image


def test_post_with_a_picture_reaches_the_followers_home(platform: Platform, alice: Person, bob: Person) -> None:
    assert bob.api.account_follow(alice.account_id)["following"]
    media = alice.api.media_post(jpeg(), mime_type="image/jpeg", description="Yellow lines on blue")
    posted = alice.api.status_post("Hello #rookery", media_ids=[media["id"]])
    platform.drain()
    [seen] = bob.api.timeline_home()
    assert seen["id"] == posted["id"]
    assert seen["account"]["username"] == alice.username
    assert "Hello" in seen["content"]
    assert [tag["name"] for tag in seen["tags"]] == ["rookery"]
    [picture] = seen["media_attachments"]
    assert picture["description"] == "Yellow lines on blue"
    fetched = httpx2.get(picture["url"], timeout=15)
    assert Image.open(io.BytesIO(fetched.content)).size == (640, 480)


def test_own_post_is_in_ones_home_at_once(alice: Person) -> None:
    posted = alice.api.status_post("Note to self")
    assert alice.home_ids() == [str(posted["id"])]


def test_stranger_sees_nothing_of_it(platform: Platform, alice: Person, carol: Person) -> None:
    alice.api.status_post("For followers", visibility="private")
    platform.drain()
    assert carol.home_ids() == []


def test_post_before_the_follow_is_backfilled_once(platform: Platform, alice: Person, bob: Person) -> None:
    earlier = alice.api.status_post("Before")
    bob.api.account_follow(alice.account_id)
    later = alice.api.status_post("After")
    platform.drain()
    assert bob.home_ids() == [str(later["id"]), str(earlier["id"])]


def test_unfollowing_empties_the_home_of_that_author(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    alice.api.status_post("Soon gone")
    platform.drain()
    assert len(bob.home_ids()) == 1
    bob.api.account_unfollow(alice.account_id)
    platform.drain()
    assert bob.home_ids() == []


def test_reply_names_what_it_answers(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    alice.api.account_follow(bob.account_id)
    asked = alice.api.status_post("Who is there?")
    answered = bob.api.status_reply(asked, "Me")
    assert str(answered["in_reply_to_id"]) == str(asked["id"])
    assert [mention["username"] for mention in answered["mentions"]] == [alice.username]
    platform.drain()
    assert alice.home_ids() == [str(answered["id"]), str(asked["id"])]


def test_home_pages_without_gap_or_repetition(platform: Platform, alice: Person, bob: Person) -> None:
    bob.api.account_follow(alice.account_id)
    posted = [str(alice.api.status_post(f"Post {number}")["id"]) for number in range(12)]
    platform.drain()
    first = bob.api.timeline_home(limit=5)
    pages = bob.api.fetch_remaining(first)
    assert [str(status["id"]) for status in pages] == posted[::-1]


def test_private_post_is_shown_to_followers_only(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    posted = alice.api.status_post("Among us", visibility="private")
    platform.drain()
    assert bob.home_ids() == [str(posted["id"])]
    path = f"/api/v1/statuses/{posted['id']}"
    assert http.get(path, headers={"authorization": f"Bearer {bob.token}"}).status_code == 200
    assert http.get(path, headers={"authorization": f"Bearer {carol.token}"}).status_code == 404
    assert http.get(path).status_code == 404


def test_counts_of_follows_and_posts_are_facts(platform: Platform, alice: Person, bob: Person) -> None:
    for _ in range(3):
        bob.api.account_follow(alice.account_id)
    alice.api.status_post("One")
    platform.drain()
    account = bob.api.account(alice.account_id)
    assert (account["followers_count"], account["statuses_count"]) == (1, 1)
    bob.api.account_unfollow(alice.account_id)
    bob.api.account_unfollow(alice.account_id)
    assert bob.api.account(alice.account_id)["followers_count"] == 0
