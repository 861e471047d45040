"""What people show first on their profiles."""

from __future__ import annotations

import httpx2
from harness.people import Person


def pinned(who: Person, of: Person) -> list[str]:
    return [str(status["id"]) for status in who.api.account_statuses(of.account_id, pinned=True)]


def test_five_posts_are_pinned_and_one_more_once_one_is_gone(http: httpx2.Client, alice: Person, bob: Person) -> None:
    posts = [str(alice.api.status_post(f"Number {number}")["id"]) for number in range(6)]
    for post_id in posts[:5]:
        assert alice.api.status_pin(post_id)["pinned"]
    assert pinned(bob, alice) == posts[4::-1]
    headers = {"authorization": f"Bearer {alice.token}"}
    refused = http.post(f"/api/v1/statuses/{posts[5]}/pin", headers=headers)
    assert (refused.status_code, "at most 5" in refused.json()["error"]) == (422, True)
    others = {"authorization": f"Bearer {bob.token}"}
    assert http.post(f"/api/v1/statuses/{posts[0]}/pin", headers=others).status_code == 422
    assert not alice.api.status_unpin(posts[0])["pinned"]
    alice.api.status_delete(posts[1])
    assert pinned(bob, alice) == posts[4:1:-1]
    for post_id in (posts[5], posts[0]):
        alice.api.status_pin(post_id)
    assert pinned(alice, alice) == [posts[0], posts[5], *posts[4:1:-1]]
