"""Sessions of an account through the API, for apps that were allowed it by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/rookery/v1/sessions"


async def test_an_app_lists_sessions_and_ends_one_and_all_others(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice", "sessions")
    others = [world.auth.grant(alice, "read"), world.auth.grant(alice, "security")]
    found = (await http.get(URL, headers=headers)).json()["sessions"]
    assert [session["current"] for session in found] == [True, False, False]
    assert found[1] == {
        "id": "2",
        "app": {"name": "Test app", "website": None},
        "device": "Firefox, Linux",
        "network": "192.0.2.0/24",
        "created_at": "1970-01-01T00:00:00Z",
        "used_at": "2023-11-14T22:13:20Z",
        "current": False,
    }
    assert found[2]["app"] is None
    assert (await http.delete(f"{URL}/{found[1]['id']}", headers=headers)).json() == {}
    assert others[0] not in world.auth.tokens
    assert (await http.delete(f"{URL}/{found[1]['id']}", headers=headers)).status_code == 404
    assert (await http.delete(URL, headers=headers)).json() == {"ended": 1}
    assert len((await http.get(URL, headers=headers)).json()["sessions"]) == 1


@pytest.mark.parametrize("scopes", [("read", "write", "follow", "push"), ("security",)])
@pytest.mark.parametrize(("method", "path"), [("GET", URL), ("DELETE", URL), ("DELETE", f"{URL}/1")])
async def test_no_other_scope_will_do(
    http: httpx2.AsyncClient, world: World, scopes: tuple[str, ...], method: str, path: str
) -> None:
    _, headers = world.newcomer("alice", *scopes)
    answer = await http.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "SCOPE_MISSING"
    assert not world.accounts.calls


@pytest.mark.parametrize("path", [f"{URL}/0", f"{URL}/x", f"{URL}/-1", f"{URL}/99999999999999999999"])
async def test_what_is_no_id_names_no_session(http: httpx2.AsyncClient, world: World, path: str) -> None:
    _, headers = world.newcomer("alice", "sessions")
    assert (await http.delete(path, headers=headers)).status_code == 404


async def test_a_name_that_is_not_known_is_told(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "sessions")
    answer = await http.get(f"{URL}?all=true", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/all"
