"""Hashtags that one follows bring their posts into the home, through Mastodon.py."""

from __future__ import annotations

from harness.people import Person
from harness.waiting import eventually

SHOWN_SECONDS = 30.0


def test_a_followed_hashtag_brings_posts_of_strangers_into_the_home_once_until_it_is_left(
    alice: Person, bob: Person, carol: Person
) -> None:
    tag = f"Rooks{alice.account_id}"
    bob.api.account_mute(carol.account_id)
    assert bob.api.tag_follow(tag)["following"]
    assert [each["name"] for each in bob.api.followed_tags()] == [tag.lower()]
    before = str(alice.api.status_post(f"One #{tag}")["id"])
    unseen = str(carol.api.status_post(f"Muted #{tag}")["id"])
    own = str(bob.api.status_post(f"My own #{tag}")["id"])
    eventually(bob.home_ids, lambda ids: ids == [own, before], within=SHOWN_SECONDS, what="the home")
    assert unseen not in bob.home_ids()
    assert not bob.api.tag_unfollow(tag)["following"]
    assert not bob.api.tag(tag)["following"]
    eventually(bob.home_ids, lambda ids: ids == [own], within=SHOWN_SECONDS, what="the home without the hashtag")
