"""The same Idempotency-Key gives the same post, also when Redis has forgotten everything."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from harness.people import Person, jpeg
from harness.platform import Platform


def post(http: httpx2.Client, person: Person, key: str, text: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {person.token}", "idempotency-key": key}
    return http.post("/api/v1/statuses", json={"status": text}, headers=headers)


@pytest.mark.alone
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


@pytest.mark.alone
def test_every_write_that_comes_again_is_done_once(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    """What makes something makes it once by its key, also when Redis has forgotten all; what sets something sets it."""
    shown = post(http, alice, "shown", "To be liked").json()["id"]
    picture = jpeg(64, 48)
    conversation = send(http, bob, "talk", "/api/rookery/v1/conversations", {"member_ids": [alice.account_id]})["id"]
    made: list[Callable[[], dict[str, Any]]] = [
        lambda: send(http, bob, "media", "/api/v2/media", {"description": "A rook"}, {"file": ("a.jpg", picture)}),
        lambda: send(http, bob, "report", "/api/v1/reports", {"account_id": alice.account_id, "comment": "Odd"}),
        lambda: send(http, bob, "talk", "/api/rookery/v1/conversations", {"member_ids": [alice.account_id]}),
        lambda: send(http, bob, "say", f"/api/rookery/v1/conversations/{conversation}/messages", {"text": "Hi"}),
        lambda: send(http, bob, "post", "/api/v1/statuses", {"status": "Once"}),
        lambda: send(http, bob, "follow", f"/api/v1/accounts/{alice.account_id}/follow"),
        lambda: send(http, bob, "like", f"/api/v1/statuses/{shown}/favourite"),
        lambda: send(http, bob, "keep", f"/api/v1/statuses/{shown}/bookmark"),
        lambda: send(http, bob, "boost", f"/api/v1/statuses/{shown}/reblog"),
    ]
    before = [write()["id"] for write in made]
    platform.flush_caches()
    assert [write()["id"] for write in made] == before
    platform.drain()
    status = alice.api.status(shown)
    assert (status["favourites_count"], status["reblogs_count"]) == (1, 1)
    assert len(bob.api.account_statuses(bob.account_id)) == 2


def test_same_key_with_another_picture_is_a_conflict(http: httpx2.Client, alice: Person) -> None:
    answers = [
        http.post("/api/v2/media", files={"file": ("a.jpg", jpeg(side, 48))}, headers=keyed(alice, "picture"))
        for side in (64, 65)
    ]
    assert [answer.status_code for answer in answers] == [200, 422], [answer.text for answer in answers]


def keyed(person: Person, key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token}", "idempotency-key": key}


def send(
    http: httpx2.Client,
    person: Person,
    key: str,
    path: str,
    body: dict[str, Any] | None = None,
    files: dict[str, Any] | None = None,
) -> dict[str, Any]:
    given: dict[str, Any] = {"data": body, "files": files} if files else {"json": body or {}}
    answer = http.post(path, headers=keyed(person, key), **given)
    assert answer.status_code in (200, 202), answer.text
    found: dict[str, Any] = answer.json()
    return found
