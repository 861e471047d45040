"""Whoever waits for a locked account follows it once it is locked no more."""

from __future__ import annotations

from harness.people import Person
from harness.waiting import eventually

GRANTED_SECONDS = 30.0


def test_unlocking_an_account_lets_those_follow_who_wait(alice: Person, bob: Person) -> None:
    alice.api.account_update_credentials(locked=True)
    assert bob.api.account_follow(alice.account_id)["requested"]
    alice.api.account_update_credentials(locked=False)
    eventually(
        lambda: bob.api.account_relationships(alice.account_id)[0],
        lambda known: known["following"] and not known["requested"],
        within=GRANTED_SECONDS,
        what="the follow that was waited for",
    )
    assert alice.api.follow_requests() == []
