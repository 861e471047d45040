"""The same Idempotency-Key gives the same post, also when Redis has forgotten everything."""

from __future__ import annotations

import concurrent.futures

import httpx2
from harness.people import Person
from harness.platform import Platform


def post(http: httpx2.Client, person: Person, key: str, text: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {person.token}", "idempotency-key": key}
    return http.post("/api/v1/statuses", json={"status": text}, headers=headers)


def test_same_key_and_body_give_one_post(platform: Platform, http: httpx2.Client, alice: Person) -> None:
    first = post(http, alice, "k1", "Once")
    platform.flush_caches()
    second = post(http, alice, "k1", "Once")
    assert first.json()["id"] == second.json()["id"]
    platform.drain()
    assert alice.home_ids() == [first.json()["id"]]


def test_same_key_at_the_same_time_gives_one_post(platform: Platform, http: httpx2.Client, alice: Person) -> None:
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = [future.result() for future in [pool.submit(post, http, alice, "k2", "Once") for _ in range(6)]]
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 200}
    assert len(ids) == 1, [answer.text for answer in answers]
    platform.drain()
    assert alice.home_ids() == list(ids)


def test_same_key_with_another_body_is_a_conflict(http: httpx2.Client, alice: Person) -> None:
    assert post(http, alice, "k3", "One").status_code == 200
    answer = post(http, alice, "k3", "Another")
    assert answer.status_code in (409, 422), answer.text


def test_anothers_key_is_no_concern_of_mine(http: httpx2.Client, alice: Person, bob: Person) -> None:
    assert post(http, alice, "k4", "Same").json()["id"] != post(http, bob, "k4", "Same").json()["id"]
