"""Threads whose authors say who may reply."""

from __future__ import annotations

import httpx2
import pytest
from harness.people import Person
from mastodon.errors import MastodonAPIError


def test_an_author_closes_a_thread_and_takes_a_reply_out_of_it(
    http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    first = str(alice.api.status_post(f"News for @{bob.username}")["id"])
    unwanted = str(carol.api.status_post("Well, well", in_reply_to_id=first)["id"])
    ours = f"/api/rookery/v1/statuses/{first}"
    closed = http.put(f"{ours}/reply_policy", json={"reply_policy": "mentioned"}, headers=headers)
    assert (closed.status_code, closed.json()["reply_policy"]) == (200, "mentioned")
    with pytest.raises(MastodonAPIError):
        carol.api.status_post("And more", in_reply_to_id=first)
    wanted = str(bob.api.status_post("Thanks", in_reply_to_id=first)["id"])
    assert http.delete(f"{ours}/replies/{unwanted}", headers=headers).status_code == 200
    assert [str(each["id"]) for each in alice.api.status_context(first)["descendants"]] == [wanted]
    assert alice.api.status(first)["replies_count"] == 1
    left = carol.api.status(unwanted)
    assert left["in_reply_to_id"] is None
