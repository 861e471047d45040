"""What people ask each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
from harness.people import Person


def votes(poll: Any) -> list[int | None]:
    return [option["votes_count"] for option in poll["options"]]


def test_a_poll_is_voted_in_once_by_each_person_whatever_races(
    http: httpx2.Client, alice: Person, bob: Person, carol: Person
) -> None:
    question = alice.api.make_poll(["tea", "coffee"], expires_in=300)
    post_id = str(alice.api.status_post("What to drink?", poll=question)["id"])
    poll_id = str(bob.api.status(post_id)["poll"]["id"])
    headers = {"authorization": f"Bearer {bob.token}"}

    def vote(choice: int) -> int:
        answer = http.post(f"/api/v1/polls/{poll_id}/votes", json={"choices": [choice]}, headers=headers)
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(vote, (0, 1, 0, 1))) == [200, 422, 422, 422]
    carol.api.poll_vote(poll_id, [1])
    seen = bob.api.poll(poll_id)
    [own] = seen["own_votes"]
    assert (seen["voted"], seen["voters_count"], seen["expired"]) == (True, 2, False)
    assert votes(seen) == ([1, 1] if own == 0 else [0, 2])
    assert votes(alice.api.status(post_id)["poll"]) == votes(seen)

    reblog_id = str(carol.api.status_reblog(post_id)["id"])
    assert votes(bob.api.status(reblog_id)["reblog"]["poll"]) == votes(seen)

    other = alice.api.make_poll(["milk", "water", "juice"], expires_in=600, multiple=True, hide_totals=True)
    edited = alice.api.status_update(post_id, "What to drink, now?", poll=other)
    assert (edited["poll"]["voters_count"], votes(edited["poll"])) == (0, [None, None, None])
    after = bob.api.poll_vote(poll_id, [0, 2])
    assert (after["own_votes"], votes(after), after["votes_count"]) == ([0, 2], [None, None, None], 2)
