"""For you: what one may care for comes first, and says why."""

from __future__ import annotations

from typing import Any

import httpx2
from harness.people import Person
from harness.waiting import eventually

PATH = "/api/rookery/v1/timelines/for_you"
SHOWN_SECONDS = 30.0


def test_whose_posts_one_favourites_come_first_until_one_mutes_them(
    http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    bob.api.account_follow(alice.account_id)
    bob.api.account_follow(carol.account_id)
    for number in range(3):
        bob.api.status_favourite(alice.api.status_post(f"Liked {number}")["id"])
    hers = str(alice.api.status_post("Not seen yet")["id"])
    other = str(carol.api.status_post("Newer, and of somebody else")["id"])

    def ranked() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = http.get(PATH, headers={"authorization": f"Bearer {bob.token}"}).json()["items"]
        return [item for item in items if item["id"] in (hers, other)]

    found = eventually(
        ranked, lambda items: [each["id"] for each in items] == [hers, other], within=SHOWN_SECONDS, what="the ranking"
    )
    why = {part["feature"]: part["value"] for part in found[0]["why"]}
    assert why["affinity"] > 0
    bob.api.account_mute(alice.account_id)
    assert [each["id"] for each in ranked()] == [other]
