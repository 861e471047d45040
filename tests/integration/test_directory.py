"""Who wishes to be found, and how large the community is."""

from __future__ import annotations

import httpx2
from harness.people import Person
from harness.waiting import eventually

COUNTED_SECONDS = 30.0


def listed(http: httpx2.Client, viewer: Person | None = None) -> list[str]:
    headers = {"authorization": f"Bearer {viewer.token}"} if viewer else {}
    answer = http.get("/api/v1/directory", params={"order": "new", "limit": 80, "local": "true"}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [str(account["id"]) for account in answer.json()]


def test_who_wishes_to_be_found_is_listed_and_no_longer_from_the_next_request_on(
    http: httpx2.Client, alice: Person, bob: Person
) -> None:
    assert not {alice.account_id, bob.account_id} & set(listed(http))
    alice.api.account_update_credentials(discoverable=True)
    assert listed(http)[0] == alice.account_id
    assert listed(http, bob)[0] == alice.account_id
    alice.api.account_block(bob.account_id)
    assert alice.account_id not in listed(http, bob)
    assert alice.account_id in listed(http)
    alice.api.account_update_credentials(discoverable=False)
    assert alice.account_id not in listed(http)


def test_the_community_is_counted(http: httpx2.Client, alice: Person) -> None:
    alice.api.status_post("One more")

    def counts() -> list[int]:
        usage = http.get("/nodeinfo/2.0").json()["usage"]
        return [usage["users"]["total"], usage["localPosts"]]

    eventually(counts, lambda seen: min(seen) > 0, within=COUNTED_SECONDS, what="accounts and posts")
