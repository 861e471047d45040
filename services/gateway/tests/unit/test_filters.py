"""Filters over HTTP: both generations of the API, and what becomes of the posts that they meet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.filters import Filters
from gateway_service.personal import FOLLOWED_SECONDS, FRESH_SECONDS, Personal
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

V2, V1 = "/api/v2/filters", "/api/v1/filters"
CROWS = {"title": "Crows", "context": ["home", "public"], "keywords_attributes": [{"keyword": "crow"}]}


def test_what_was_asked_for_before_a_change_is_not_kept() -> None:
    cache, filters = Personal[Filters]("filters", lambda: math.inf, capacity=1), Filters(())
    changes = cache.changes
    cache.drop(1)
    cache.put(1, filters, 5.0, changes)
    assert cache.get(1, 5.0) == (None, False)
    cache.put(1, filters, 5.0, cache.changes)
    assert cache.get(1, 5.0) == (filters, True)
    assert cache.get(1, 6.0 + FRESH_SECONDS) == (filters, False)
    cache.put(2, filters, 5.0, cache.changes)
    assert cache.get(1, 5.0) == (None, False)


def test_what_every_change_is_told_of_is_kept_for_longer() -> None:
    complete_since = 4.0
    cache, filters = Personal[Filters]("filters", lambda: complete_since), Filters(())
    cache.put(1, filters, 5.0, cache.changes)
    assert cache.get(1, 5.0 + FOLLOWED_SECONDS) == (filters, True)
    assert cache.get(1, 6.0 + FOLLOWED_SECONDS) == (filters, False)
    complete_since = 5.5  # Something may have been missed before that.
    assert cache.get(1, 6.0 + FRESH_SECONDS) == (filters, False)
    assert cache.get(1, 5.0 + FRESH_SECONDS) == (filters, True)


async def test_a_filter_is_made_changed_and_deleted(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    made = (await http.post(V2, json={**CROWS, "expires_in": 60}, headers=headers)).json()
    assert {name: made[name] for name in ("title", "context", "filter_action", "statuses")} == {
        "title": "Crows", "context": ["home", "public"], "filter_action": "warn", "statuses": [],
    }  # fmt: skip
    [keyword] = made["keywords"]
    assert (keyword["keyword"], keyword["whole_word"], made["expires_at"] is None) == ("crow", True, False)
    assert (await http.get(V2, headers=headers)).json() == [made]
    url = f"{V2}/{made['id']}"
    form = {
        "filter_action": "hide", "expires_in": "", "keywords_attributes[0][id]": keyword["id"],
        "keywords_attributes[0][_destroy]": "true", "keywords_attributes[1][keyword]": "raven",
        "keywords_attributes[1][whole_word]": "false",
    }  # fmt: skip
    changed = (await http.put(url, data=form, headers=headers)).json()
    assert (changed["filter_action"], changed["expires_at"], changed["context"]) == ("hide", None, made["context"])
    assert [(each["keyword"], each["whole_word"]) for each in changed["keywords"]] == [("raven", False)]
    assert (await http.get(url, headers=headers)).json() == changed
    assert (await http.delete(url, headers=headers)).json() == {}
    assert (await http.get(url, headers=headers)).status_code == 404


async def test_keywords_and_statuses_have_routes_of_their_own(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    made = (await http.post(V2, json=CROWS, headers=headers)).json()
    base = f"{V2}/{made['id']}"
    added = (await http.post(f"{base}/keywords", json={"keyword": "rook", "whole_word": False}, headers=headers)).json()
    assert added["whole_word"] is False
    url = f"{V2}/keywords/{added['id']}"
    assert (await http.put(url, json={"keyword": "Rook"}, headers=headers)).json() == {**added, "keyword": "Rook"}
    assert [each["keyword"] for each in (await http.get(f"{base}/keywords", headers=headers)).json()] == [
        "crow",
        "Rook",
    ]
    assert (await http.delete(url, headers=headers)).json() == {}
    assert (await http.get(url, headers=headers)).status_code == 404
    status = (await http.post(f"{base}/statuses", json={"status_id": "50001"}, headers=headers)).json()
    assert status["status_id"] == "50001"
    assert (await http.get(f"{base}/statuses", headers=headers)).json() == [status]
    url = f"{V2}/statuses/{status['id']}"
    assert (await http.get(url, headers=headers)).json() == status
    assert (await http.delete(url, headers=headers)).json() == {}
    assert (await http.get(url, headers=headers)).status_code == 404


async def test_older_clients_see_keywords_as_filters(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    sent = {"phrase": "crow", "context": ["home"], "irreversible": True, "whole_word": True}
    made = (await http.post(V1, json=sent, headers=headers)).json()
    assert {name: made[name] for name in sent} == sent
    assert (await http.get(V1, headers=headers)).json() == [made]
    url = f"{V1}/{made['id']}"
    changed = (await http.put(url, json={"phrase": "raven", "context": ["public"]}, headers=headers)).json()
    assert (changed["phrase"], changed["context"], changed["irreversible"]) == ("raven", ["public"], True)
    assert (await http.get(url, headers=headers)).json() == changed
    assert (await http.delete(url, headers=headers)).json() == {}
    assert (await http.get(V2, headers=headers)).json() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**CROWS, "title": ""}, "title"),
        ({**CROWS, "context": ["kitchen"]}, "context"),
        ({**CROWS, "filter_action": "eat"}, "filter_action"),
        ({**CROWS, "expires_in": -1}, "expires_in"),
        ({**CROWS, "keywords_attributes": [{"keyword": 7}]}, "keywords_attributes[0].keyword"),
    ],
)
async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, world: World, body: Any, field: str) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(V2, json=body, headers=headers)
    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])


async def test_filters_need_their_scopes(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read:accounts", "write:accounts")
    for method, url in (("GET", V2), ("POST", V2), ("PUT", f"{V2}/1"), ("DELETE", f"{V1}/1"), ("GET", V1)):
        assert (await http.request(method, url, headers=headers)).status_code == 403
        assert (await http.request(method, url)).status_code == 401


async def test_statuses_say_which_filters_meet_them(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    _, bobs = world.newcomer("bob")
    made = (await http.post(V2, json=CROWS, headers=headers)).json()
    status = (await http.post("/api/v1/statuses", json={"status": "A Crow in the park"}, headers=bobs)).json()
    url = f"/api/v1/statuses/{status['id']}"
    result = {"keyword_matches": ["crow"], "status_matches": None}
    head = {name: made[name] for name in ("id", "title", "context", "expires_at", "filter_action")}
    assert (await http.get(url, headers=headers)).json()["filtered"] == [{"filter": head, **result}]
    assert (await http.get(url, headers=bobs)).json()["filtered"] == []
    assert (await http.get(url)).json()["filtered"] == []
    await http.post(f"{V2}/{made['id']}/statuses", json={"status_id": status["id"]}, headers=headers)
    [matched] = (await http.get(url, headers=headers)).json()["filtered"]
    assert matched["status_matches"] == [status["id"]]
    await http.delete(f"{V2}/{made['id']}", headers=headers)
    assert (await http.get(url, headers=headers)).json()["filtered"] == []


async def test_a_hiding_filter_takes_posts_out_of_the_home_that_it_is_for(
    http: httpx2.AsyncClient, world: World
) -> None:
    _, headers = world.newcomer("alice")
    bob, bobs = world.newcomer("bob")
    await http.post(f"/api/v1/accounts/{bob}/follow", headers=headers)
    for who, text in ((bobs, "A crow"), (bobs, "A rook"), (headers, "My own crow")):
        await http.post("/api/v1/statuses", json={"status": text}, headers=who)

    async def home() -> list[str]:
        shown = (await http.get("/api/v1/timelines/home", headers=headers)).json()
        return [status["content"].removeprefix("<p>").removesuffix("</p>") for status in shown]

    made = (await http.post(V2, json={**CROWS, "filter_action": "hide"}, headers=headers)).json()
    assert await home() == ["My own crow", "A rook"]
    await http.put(f"{V2}/{made['id']}", json={"context": ["public"]}, headers=headers)
    assert await home() == ["My own crow", "A rook", "A crow"]


async def test_an_expired_filter_meets_nothing(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    _, bobs = world.newcomer("bob")
    await http.post(V2, json={**CROWS, "expires_in": 60}, headers=headers)
    status = (await http.post("/api/v1/statuses", json={"status": "crow"}, headers=bobs)).json()
    url = f"/api/v1/statuses/{status['id']}"
    assert len((await http.get(url, headers=headers)).json()["filtered"]) == 1
    world.clock.advance(61)
    assert (await http.get(url, headers=headers)).json()["filtered"] == []


async def test_while_user_is_away_the_filters_of_a_moment_ago_hold(
    http: httpx2.AsyncClient, world: World, away: Unavailable
) -> None:
    _, headers = world.newcomer("alice")
    _, bobs = world.newcomer("bob")
    await http.post(V2, json=CROWS, headers=headers)
    status = (await http.post("/api/v1/statuses", json={"status": "crow"}, headers=bobs)).json()
    url = f"/api/v1/statuses/{status['id']}"
    assert len((await http.get(url, headers=headers)).json()["filtered"]) == 1
    world.clock.advance(31)
    world.user.failure = away
    answer = await http.get(url, headers=headers)
    assert len(answer.json()["filtered"]) == 1
    assert "filters" in answer.headers["x-rookery-degraded"]
