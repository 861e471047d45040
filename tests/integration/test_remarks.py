"""What one keeps of others: a note, an endorsement; and whom of their followers one knows."""

from __future__ import annotations

from harness.people import Person


def _familiar(viewer: Person, account: Person) -> list[str]:
    (found,) = viewer.api.account_familiar_followers(account.account_id)
    return [str(each["id"]) for each in found["accounts"]]


def test_a_note_stays_ones_own_an_endorsement_is_shown_until_one_unfollows(
    alice: Person, bob: Person, carol: Person
) -> None:
    alice.api.account_note_set(bob.account_id, "Sings at dawn")
    (mine,), (his,) = (
        alice.api.account_relationships(bob.account_id),
        bob.api.account_relationships(alice.account_id),
    )
    assert (mine["note"], his["note"]) == ("Sings at dawn", "")
    alice.api.account_follow(bob.account_id)
    assert alice.api.account_pin(bob.account_id)["endorsed"]
    assert [str(each["id"]) for each in alice.api.endorsements()] == [bob.account_id]
    bob.api.account_follow(carol.account_id)
    assert _familiar(alice, carol) == [bob.account_id]
    alice.api.account_unfollow(bob.account_id)
    assert alice.api.endorsements() == []
    assert _familiar(alice, carol) == []
