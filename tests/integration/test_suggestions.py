"""Whom people may want to follow."""

from __future__ import annotations

from harness.people import Person


def test_friends_of_friends_are_suggested_until_they_are_dismissed(alice: Person, bob: Person, carol: Person) -> None:
    alice.api.account_follow(bob.account_id)
    bob.api.account_follow(carol.account_id)
    assert carol.account_id not in [str(each["account"]["id"]) for each in alice.api.suggestions_v2()]
    carol.api.account_update_credentials(discoverable=True)
    found = {str(each["account"]["id"]): each["source"] for each in alice.api.suggestions_v2()}
    assert found[carol.account_id] == "past_interactions"
    alice.api.suggestion_delete(carol.account_id)
    assert carol.account_id not in [str(each["account"]["id"]) for each in alice.api.suggestions_v2()]
