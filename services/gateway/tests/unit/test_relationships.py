"""Blocks, mutes and requests to follow over HTTP; lists without those whom a block keeps apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL, REQUESTS = "/api/v1/accounts", "/api/v1/follow_requests"


async def test_a_block_is_made_listed_and_taken_back(http: httpx2.AsyncClient, world: World) -> None:
    (_, headers), (bob, _) = world.newcomer("alice"), world.newcomer("bob")
    blocked = (await http.post(f"{URL}/{bob}/block", headers=headers)).json()
    assert (blocked["id"], blocked["blocking"], blocked["blocked_by"]) == (str(bob), True, False)
    assert [each["id"] for each in (await http.get("/api/v1/blocks", headers=headers)).json()] == [str(bob)]
    assert not (await http.post(f"{URL}/{bob}/unblock", headers=headers)).json()["blocking"]
    assert (await http.get("/api/v1/blocks", headers=headers)).json() == []


@pytest.mark.parametrize(
    ("form", "notifications", "ends"),
    [
        ({}, True, None),
        ({"notifications": "false"}, False, None),
        ({"duration": "0"}, True, None),
        ({"duration": "60"}, True, "2023-11-14T22:14:20.000Z"),
    ],
)
async def test_a_mute_is_for_good_or_for_a_time(
    http: httpx2.AsyncClient, world: World, form: dict[str, str], notifications: bool, ends: str | None
) -> None:
    (_, headers), (bob, _) = world.newcomer("alice"), world.newcomer("bob")
    muted = (await http.post(f"{URL}/{bob}/mute", headers=headers, data=form)).json()
    assert (muted["muting"], muted["muting_notifications"]) == (True, notifications)
    (listed,) = (await http.get("/api/v1/mutes", headers=headers)).json()
    assert (listed["id"], listed["mute_expires_at"]) == (str(bob), ends)
    assert not (await http.post(f"{URL}/{bob}/unmute", headers=headers)).json()["muting"]


@pytest.mark.parametrize("duration", ["-1", "soon", str(10**12)])
async def test_a_duration_that_is_none_is_named(http: httpx2.AsyncClient, world: World, duration: str) -> None:
    (_, headers), (bob, _) = world.newcomer("alice"), world.newcomer("bob")
    answer = await http.post(f"{URL}/{bob}/mute", headers=headers, data={"duration": duration})
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["duration"])


async def test_requests_to_follow_are_listed_granted_and_rejected(http: httpx2.AsyncClient, world: World) -> None:
    (alice, headers), (bob, _), (carol, _) = (world.newcomer(name) for name in ("alice", "bob", "carol"))
    world.relationships.requests |= {(bob, alice), (carol, alice)}
    assert [each["id"] for each in (await http.get(REQUESTS, headers=headers)).json()] == [str(bob), str(carol)]
    granted = (await http.post(f"{REQUESTS}/{bob}/authorize", headers=headers)).json()
    assert (granted["followed_by"], granted["requested_by"]) == (True, False)
    rejected = (await http.post(f"{REQUESTS}/{carol}/reject", headers=headers)).json()
    assert (rejected["followed_by"], rejected["requested_by"]) == (False, False)
    assert (await http.post(f"{REQUESTS}/{carol}/authorize", headers=headers)).status_code == 404


async def test_a_follower_is_removed(http: httpx2.AsyncClient, world: World) -> None:
    (alice, headers), (bob, _) = world.newcomer("alice"), world.newcomer("bob")
    world.user.follows.add((bob, alice))
    assert not (await http.post(f"{URL}/{bob}/remove_from_followers", headers=headers)).json()["followed_by"]
    assert (bob, alice) not in world.user.follows


async def test_lists_go_on_by_their_own_cursor(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    others = [world.newcomer(f"other{number}")[0] for number in range(3)]
    world.relationships.blocks |= {(alice, other) for other in others}
    first = await http.get("/api/v1/blocks?limit=2", headers=headers)
    second = await http.get(first.links["next"]["url"], headers=headers)
    assert [int(each["id"]) for each in [*first.json(), *second.json()]] == others
    assert "next" not in second.links
    answer = await http.get("/api/v1/blocks?max_id=nonsense", headers=headers)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["max_id"])


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/blocks", "read:blocks"),
        ("GET", "/api/v1/mutes", "read:mutes"),
        ("GET", REQUESTS, "read:follows"),
        ("POST", f"{URL}/5/block", "write:blocks"),
        ("POST", f"{URL}/5/unblock", "write:blocks"),
        ("POST", f"{URL}/5/mute", "write:mutes"),
        ("POST", f"{URL}/5/unmute", "write:mutes"),
        ("POST", f"{URL}/5/remove_from_followers", "write:follows"),
        ("POST", f"{REQUESTS}/5/authorize", "write:follows"),
        ("POST", f"{REQUESTS}/5/reject", "write:follows"),
    ],
)
async def test_each_route_wants_its_scope(
    http: httpx2.AsyncClient, world: World, method: str, path: str, scope: str
) -> None:
    _, allowed = world.newcomer("alice", scope)
    assert (await http.request(method, path, headers=allowed)).status_code in (200, 404)
    _, refused = world.newcomer("bob", "read:statuses", "write:statuses")
    assert (await http.request(method, path, headers=refused)).status_code == 403
    assert (await http.request(method, path)).status_code == 401


async def test_whom_a_block_keeps_apart_is_in_no_list_of_the_others(http: httpx2.AsyncClient, world: World) -> None:
    (alice, headers), (bob, _), (carol, _), (dan, _) = (world.newcomer(n) for n in ("alice", "bob", "carol", "dan"))
    world.user.follows |= {(bob, dan), (carol, dan), (alice, dan)}
    world.relationships.blocks |= {(alice, bob), (carol, alice)}
    shown = (await http.get(f"{URL}/{dan}/followers", headers=headers)).json()
    assert [each["username"] for each in shown] == ["alice"]
    assert len((await http.get(f"{URL}/{dan}/followers")).json()) == 3
    assert (await http.get(f"{URL}/{bob}", headers=headers)).status_code == 200
