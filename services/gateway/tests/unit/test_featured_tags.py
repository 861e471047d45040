"""Hashtags on profiles over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

BASE = "/api/v1/featured_tags"


async def test_a_hashtag_is_featured_for_everybody_until_it_is_not(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    made = (await http.post(BASE, json={"name": "Birds"}, headers=headers)).json()
    assert (made["name"], made["statuses_count"], made["last_status_at"]) == ("birds", "0", None)
    assert made["url"].endswith("/@alice/tagged/birds")
    ((_, tag),) = world.tags.featured
    tag.statuses = 36
    tag.last_status_time.FromDatetime(datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    told = {**made, "statuses_count": "36", "last_status_at": "2026-03-01"}
    assert (await http.get(BASE, headers=headers)).json() == [told]
    assert (await http.get(f"/api/v1/accounts/{alice}/featured_tags")).json() == [told]
    for status in (200, 404):
        assert (await http.delete(f"{BASE}/{made['id']}", headers=headers)).status_code == status
    assert (await http.get(BASE, headers=headers)).json() == []


async def test_what_is_used_most_is_suggested(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    suggested = (await http.get(f"{BASE}/suggestions", headers=headers)).json()
    assert [(tag["name"], tag["featuring"]) for tag in suggested] == [("crows", False), ("rooks", False)]


async def test_a_wrong_hashtag_or_one_too_many_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    for name in ("", "123"):
        answer = await http.post(BASE, json={"name": name}, headers=headers)
        assert (answer.status_code, list(answer.json()["details"])) == (422, ["name"])
    for number in range(11):
        answer = await http.post(BASE, json={"name": f"tag{number}"}, headers=headers)
    assert answer.status_code == 422
    assert len((await http.get(BASE, headers=headers)).json()) == 10


async def test_nobodys_hashtags_are_not_found(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/api/v1/accounts/99/featured_tags")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", BASE),
        ("POST", BASE),
        ("DELETE", f"{BASE}/1"),
        ("GET", f"{BASE}/suggestions"),
        ("POST", "/api/v1/tags/birds/feature"),
        ("POST", "/api/v1/tags/birds/unfeature"),
    ],
)
async def test_it_takes_a_user_and_the_scope(http: httpx2.AsyncClient, world: World, method: str, path: str) -> None:
    _, headers = world.newcomer("bob", "read:statuses")
    assert (await http.request(method, path)).status_code == 401
    assert (await http.request(method, path, headers=headers)).status_code == 403
