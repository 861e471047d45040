"""Accounts that wish to be found, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/directory"


async def names(http: httpx2.AsyncClient, headers: dict[str, str] | None = None, **params: str) -> list[str]:
    answer = await http.get(URL, params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    return [account["username"] for account in answer.json()]


async def test_anyone_is_shown_a_page_in_the_order_asked_for(http: httpx2.AsyncClient, world: World) -> None:
    for name in ("alice", "bob", "carol"):
        world.newcomer(name)
    assert await names(http) == ["alice", "bob", "carol"]
    assert await names(http, order="new", limit="2", local="true") == ["carol", "bob"]
    assert await names(http, order="new", limit="2", offset="2") == ["alice"]
    assert await names(http, offset="99999999999", limit="500") == []
    assert [call.request.page_size for call in world.directory.made("ListDirectory")] == [40, 2, 2, 80]


async def test_whom_a_block_keeps_apart_is_not_listed(http: httpx2.AsyncClient, world: World) -> None:
    alice, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    carol, _ = world.newcomer("carol")
    world.relationships.blocks |= {(alice, bob), (carol, alice)}
    assert await names(http, headers) == ["alice"]


@pytest.mark.parametrize("params", [{"order": "random"}, {"offset": "-1"}, {"limit": "0"}, {"local": "maybe"}])
async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, params: dict[str, str]) -> None:
    answer = await http.get(URL, params=params)
    assert (answer.status_code, list(answer.json()["details"])) == (422, list(params))
