"""For you: what one may care for comes first, and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
from harness.people import Person, Town
from harness.waiting import eventually

PATH = "/api/rookery/v1/timelines/for_you"
CATCH_UP = "/api/rookery/v1/timelines/catch_up"
PREFERENCES = "/api/rookery/v1/feed/preferences"
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


def test_a_home_is_as_its_reader_has_chosen_it(
    http: httpx2.Client, alice: Person, bob: Person, carol: Person, town: Town
) -> None:
    bob.api.account_follow(alice.account_id)
    bob.api.account_follow(carol.account_id)
    first = str(alice.api.status_post("To be read")["id"])
    answer = str(carol.api.status_post("An answer", in_reply_to_id=first)["id"])
    boost = str(carol.api.status_reblog(town.newcomer("dan").api.status_post("Boosted")["id"])["id"])
    wanted = {first, answer, boost}
    eventually(bob.home_ids, lambda ids: wanted <= set(ids), within=SHOWN_SECONDS, what="the home")
    headers = {"authorization": f"Bearer {bob.token}"}

    def choose(expected: Callable[[list[str]], bool], **wanted: Any) -> None:
        assert http.put(PREFERENCES, json=wanted, headers=headers).json().items() >= wanted.items()
        # The other replicas of a cluster are told by an event.
        eventually(bob.home_ids, expected, within=SHOWN_SECONDS, what=f"the home with {wanted}")

    choose(lambda ids: not {answer, boost} & set(ids), replies=False, reblogs=False)
    choose(lambda ids: first not in ids, author_weights={alice.account_id: 0})
    choose(lambda ids: len(ids) > 1, order="ranked")
    page = bob.api.timeline_home(limit=1)
    further: list[Any] = list(bob.api.fetch_next(page) or [])
    assert [len(page), len(further)] == [1, 1]
    assert page[0]["id"] != further[0]["id"]
    missed = http.get(CATCH_UP, params={"since_id": first}, headers=headers).json()["items"]
    assert answer in {item["id"] for item in missed}
