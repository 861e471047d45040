"""Lists of those whom one follows, each with its timeline."""

from __future__ import annotations

from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually

ARRIVES_SECONDS = 30.0


def test_a_list_shows_its_members_an_exclusive_one_them_alone_and_unfollowing_ends_it(
    alice: Person, bob: Person, carol: Person, platform: Platform
) -> None:
    for other in (bob, carol):
        alice.api.account_follow(other.account_id)
    birds = alice.api.list_create("Birds", replies_policy="list")
    alice.api.list_accounts_add(birds, [bob.account_id])
    assert [str(each["id"]) for each in alice.api.list_accounts(birds)] == [bob.account_id]
    assert [each["id"] for each in alice.api.account_lists(bob.account_id)] == [birds["id"]]
    platform.drain()
    bobs, carols = (str(who.api.status_post(f"By {who.username}")["id"]) for who in (bob, carol))

    def home() -> set[str]:
        return {str(each["id"]) for each in alice.api.timeline_home()}

    def listed() -> list[str]:
        return [str(each["id"]) for each in alice.api.timeline_list(birds)]

    eventually(home, lambda shown: shown >= {bobs, carols}, within=ARRIVES_SECONDS, what="both posts at home")
    assert listed() == [bobs]
    alice.api.list_update(birds, "Only birds", exclusive=True)
    assert (listed(), home()) == ([bobs], {carols})
    alice.api.account_unfollow(bob.account_id)
    assert (listed(), alice.api.list_accounts(birds)) == ([], [])
    alice.api.list_delete(birds)
    assert alice.api.lists() == []
