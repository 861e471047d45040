"""Hashtags on one's profile, through Mastodon.py: how much was posted with them follows what is posted and deleted."""

from __future__ import annotations

import pytest
from harness.operators import operate
from harness.people import Person
from harness.waiting import eventually
from mastodon import MastodonNotFoundError

COUNTED_SECONDS = 30.0


def test_a_featured_hashtag_counts_what_anyone_may_see_of_its_owners_posts(alice: Person, bob: Person) -> None:
    tag = f"Rooks{alice.account_id}"
    name = tag.lower()

    def counts() -> dict[str, int]:
        return {each["name"]: int(each["statuses_count"]) for each in bob.api.account_featured_tags(alice.account_id)}

    made = alice.api.featured_tag_create(tag)
    assert (made["name"], made["last_status_at"]) == (name, None)
    kept, deleted = (alice.api.status_post(f"{text} #{tag}") for text in ("One", "Two"))
    alice.api.status_post(f"For followers #{tag}", visibility="private")
    eventually(counts, lambda found: found == {name: 2}, within=COUNTED_SECONDS, what="two posts to be counted")
    alice.api.status_delete(deleted["id"])
    eventually(counts, lambda found: found == {name: 1}, within=COUNTED_SECONDS, what="the deletion to be counted")
    # Whatever an operator has counted again counts once.
    operate("user", "count-hashtags", "0").check_returncode()
    assert counts() == {name: 1}
    (shown,) = alice.api.featured_tags()
    assert shown["last_status_at"].date() == kept["created_at"].date()
    assert [str(each["id"]) for each in bob.api.account_statuses(alice.account_id, tagged=tag)] == [str(kept["id"])]
    alice.api.featured_tag_delete(made["id"])
    assert alice.api.featured_tags() == []
    assert [each["name"] for each in alice.api.featured_tag_suggestions()] == [name]
    with pytest.raises(MastodonNotFoundError):
        alice.api.featured_tag_delete(made["id"])


def test_a_hashtag_is_featured_by_its_name(bob: Person) -> None:
    assert bob.api.tag_feature("Crows")["featuring"]
    assert bob.api.tag("crows")["featuring"]
    assert not bob.api.tag_unfeature("crows")["featuring"]
    assert bob.api.featured_tags() == []
