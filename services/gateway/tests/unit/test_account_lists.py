"""Lists over HTTP: made, filled, read as timelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/lists"


@pytest.fixture
def alice(world: World) -> dict[str, str]:
    """Headers of one who follows bob."""
    (alice, headers), bob = world.newcomer("alice"), world.user.add("bob")
    world.user.follows.add((alice, bob))
    return headers


async def _made(http: httpx2.AsyncClient, headers: dict[str, str], **form: Any) -> dict[str, Any]:
    answer = await http.post(URL, headers=headers, json={"title": "Birds", **form})
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()
    return made


def _id(world: World, name: str) -> int:
    return next(each.account_id for each in world.user.accounts.values() if each.username == name)


async def test_a_list_is_made_changed_and_deleted(http: httpx2.AsyncClient, alice: dict[str, str]) -> None:
    made = await _made(http, alice)
    assert made == {"id": made["id"], "title": "Birds", "replies_policy": "list", "exclusive": False}
    changed = (await http.put(f"{URL}/{made['id']}", headers=alice, data={"replies_policy": "none"})).json()
    assert changed == {**made, "replies_policy": "none"}
    assert (await http.get(URL, headers=alice)).json() == [changed]
    assert (await http.get(f"{URL}/{made['id']}", headers=alice)).json() == changed
    assert (await http.delete(f"{URL}/{made['id']}", headers=alice)).json() == {}
    assert (await http.get(f"{URL}/{made['id']}", headers=alice)).status_code == 404


@pytest.mark.parametrize(("form", "field"), [({"title": ""}, "title"), ({"replies_policy": "all"}, "replies_policy")])
async def test_a_bad_list_is_refused_by_field(
    http: httpx2.AsyncClient, alice: dict[str, str], form: dict[str, str], field: str
) -> None:
    answer = await http.post(URL, headers=alice, json={"title": "Birds", **form})
    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])


async def test_members_are_added_listed_and_taken_off(
    http: httpx2.AsyncClient, world: World, alice: dict[str, str]
) -> None:
    made, bob = await _made(http, alice), str(_id(world, "bob"))
    accounts = f"{URL}/{made['id']}/accounts"
    assert (await http.post(accounts, headers=alice, data={"account_ids[]": bob})).json() == {}
    for query in ("", "?limit=0", "?limit=1"):
        assert [each["id"] for each in (await http.get(accounts + query, headers=alice)).json()] == [bob]
    assert (await http.get(f"/api/v1/accounts/{bob}/lists", headers=alice)).json() == [made]
    assert (await http.delete(f"{accounts}?account_ids[]={bob}", headers=alice)).json() == {}
    assert (await http.get(accounts, headers=alice)).json() == []
    stranger = str(world.user.add("carol"))
    assert (await http.post(accounts, headers=alice, json={"account_ids": [stranger]})).status_code == 404


async def test_the_timeline_of_a_list_has_what_its_members_post(
    http: httpx2.AsyncClient, world: World, alice: dict[str, str]
) -> None:
    bob = _id(world, "bob")
    carol, carols = world.newcomer("carol")
    world.user.follows.add((_id(world, "alice"), carol))
    made = await _made(http, alice)
    await http.post(f"{URL}/{made['id']}/accounts", headers=alice, json={"account_ids": [str(carol)]})
    posted = (await http.post("/api/v1/statuses", headers=carols, json={"status": "Hello"})).json()
    await http.post(
        "/api/v1/statuses", headers={"authorization": f"Bearer {world.auth.grant(bob)}"}, json={"status": "Hi"}
    )
    shown = await http.get(f"/api/v1/timelines/list/{made['id']}", headers=alice)
    assert [each["id"] for each in shown.json()] == [posted["id"]]
    assert (await http.get("/api/v1/timelines/list/5", headers=alice)).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("GET", URL), ("POST", URL), ("GET", "/api/v1/timelines/list/5")])
async def test_lists_need_their_own_scope(http: httpx2.AsyncClient, world: World, method: str, path: str) -> None:
    _, headers = world.newcomer("dan", "read:statuses", "write:statuses")
    assert (await http.request(method, path, headers=headers)).status_code == 403
    assert (await http.request(method, path)).status_code == 401
