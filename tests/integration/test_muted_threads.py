"""Threads that have become too much."""

from __future__ import annotations

from harness.people import Person
from harness.waiting import eventually

SOON = 30.0


def told(who: Person) -> set[str]:
    return {str(each["status"]["id"]) for each in who.api.notifications(types=["mention"])}


def test_who_mutes_a_thread_is_told_of_nothing_in_it(alice: Person, bob: Person) -> None:
    root = str(alice.api.status_post("A quiet question")["id"])
    name = f"@{alice.username}"
    first = str(bob.api.status_post(f"{name} An answer", in_reply_to_id=root)["id"])
    eventually(lambda: told(alice), lambda ids: ids == {first}, within=SOON, what="alice told of the answer")
    assert alice.api.status_mute(first)["muted"]
    assert alice.api.status(root)["muted"]
    assert not bob.api.status(root)["muted"]
    second = str(bob.api.status_post(f"{name} And another", in_reply_to_id=first)["id"])
    elsewhere = str(bob.api.status_post(f"{name} Elsewhere")["id"])
    eventually(lambda: told(alice), lambda ids: elsewhere in ids, within=SOON, what="alice told of the rest")
    assert told(alice) == {elsewhere}
    assert not alice.api.status_unmute(root)["muted"]
    eventually(lambda: told(alice), lambda ids: ids == {elsewhere, second, first}, within=SOON, what="all of them")
