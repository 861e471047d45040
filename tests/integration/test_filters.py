"""Whoever does not want to meet a word is warned of it, or does not meet it, from the next page on."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from harness.people import Person
from harness.platform import Platform
from mastodon import Mastodon, MastodonNotFoundError

V2 = "/api/v2/filters"


def matches(reader: Mastodon, status: Any) -> list[str]:
    """The titles of the reader's filters that meet a post, by what the post itself says."""
    return [result["filter"]["title"] for result in reader.status(status["id"])["filtered"]]


def test_a_filtered_word_is_said_with_the_post_and_to_its_reader_alone(alice: Person, bob: Person) -> None:
    posted = bob.api.status_post("There was a Crow, and a scarecrow", spoiler_text="Birds")
    assert matches(alice.api, posted) == []
    made = alice.api.create_filter_v2("Crows", ["home", "public"], "warn", keywords_attributes=[{"keyword": "crow"}])
    [result] = alice.api.status(posted["id"])["filtered"]
    assert (result["filter"]["title"], result["keyword_matches"]) == ("Crows", ["crow"])
    assert matches(bob.api, posted) == []
    alice.api.update_filter_v2(
        made["id"], keywords_attributes=[{"id": made["keywords"][0]["id"], "keyword": "scare", "whole_word": True}]
    )
    assert matches(alice.api, posted) == []
    alice.api.update_filter_v2(
        made["id"], keywords_attributes=[{"id": made["keywords"][0]["id"], "keyword": "scare", "whole_word": False}]
    )
    assert matches(alice.api, posted) == ["Crows"]
    alice.api.delete_filter_v2(made["id"])
    assert matches(alice.api, posted) == []


def test_a_hidden_word_keeps_posts_out_of_the_home_and_of_notifications(
    platform: Platform, alice: Person, bob: Person
) -> None:
    alice.api.account_follow(bob.account_id)
    platform.drain()
    hidden = bob.api.status_post(f"A crow for @{alice.username}")
    shown = bob.api.status_post(f"A rook for @{alice.username}")
    platform.drain()
    assert alice.home_ids() == [str(shown["id"]), str(hidden["id"])]
    alice.api.create_filter_v2("Crows", ["home", "notifications"], "hide", keywords_attributes=[{"keyword": "crow"}])
    assert alice.home_ids() == [str(shown["id"])]
    told = [str(each["status"]["id"]) for each in alice.api.notifications(types=["mention"])]
    assert told == [str(shown["id"])]
    assert matches(alice.api, hidden) == ["Crows"]


def test_filters_of_older_clients_are_the_same_filters(alice: Person, bob: Person) -> None:
    posted = bob.api.status_post("A raven")
    made = alice.api.filter_create("raven", ["home"], irreversible=False, whole_word=True, expires_in=3600)
    assert matches(alice.api, posted) == ["raven"]
    assert [each["phrase"] for each in alice.api.filters()] == ["raven"]
    alice.api.filter_delete(made["id"])
    assert alice.api.filters_v2() == []


def test_nobody_sees_or_changes_anothers_filters(alice: Person, bob: Person, http: httpx2.Client) -> None:
    made = alice.api.create_filter_v2("Mine", ["home"], "warn", keywords_attributes=[{"keyword": "secret"}])
    assert bob.api.filters_v2() == []
    for act in (bob.api.filter_v2, bob.api.delete_filter_v2):
        with pytest.raises(MastodonNotFoundError):
            act(made["id"])
    headers = {"authorization": f"Bearer {bob.token}"}
    keyword_id = made["keywords"][0]["id"]
    for method, url in (("PUT", f"{V2}/keywords/{keyword_id}"), ("DELETE", f"/api/v1/filters/{keyword_id}")):
        assert http.request(method, url, json={"keyword": "x"}, headers=headers).status_code == 404
    assert [each["title"] for each in alice.api.filters_v2()] == ["Mine"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": " ", "context": ["home"]}, "title"),
        ({"title": "x", "context": []}, "context"),
        ({"title": "x", "context": ["kitchen"]}, "context"),
        ({"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "x" * 513}]}, "keyword"),
        ({"title": "x", "context": ["home"], "expires_in": "soon"}, "expires_in"),
    ],
)
def test_a_bad_filter_is_refused_by_field(alice: Person, http: httpx2.Client, body: Any, field: str) -> None:
    answer = http.post(V2, json=body, headers={"authorization": f"Bearer {alice.token}"})
    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])
