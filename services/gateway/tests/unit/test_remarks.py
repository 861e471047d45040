"""Notes, endorsements and familiar followers over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/accounts"


async def test_a_note_is_kept_and_taken_back(http: httpx2.AsyncClient, world: World) -> None:
    (_, headers), (bob, _) = world.newcomer("alice"), world.newcomer("bob")
    noted = (await http.post(f"{URL}/{bob}/note", headers=headers, data={"comment": "Sings"})).json()
    assert (noted["id"], noted["note"]) == (str(bob), "Sings")
    assert (await http.post(f"{URL}/{bob}/note", headers=headers)).json()["note"] == ""
    assert (await http.post(f"{URL}/5/note", headers=headers, data={"comment": "Sings"})).status_code == 404


@pytest.mark.parametrize(("endorse", "unendorse"), [("pin", "unpin"), ("endorse", "unendorse")])
async def test_whom_one_follows_is_endorsed(
    http: httpx2.AsyncClient, world: World, endorse: str, unendorse: str
) -> None:
    (alice, headers), (bob, bobs) = world.newcomer("alice"), world.newcomer("bob")
    assert (await http.post(f"{URL}/{bob}/{endorse}", headers=headers)).status_code == 422
    world.user.follows.add((alice, bob))
    assert (await http.post(f"{URL}/{bob}/{endorse}", headers=headers)).json()["endorsed"]
    assert [each["id"] for each in (await http.get("/api/v1/endorsements", headers=headers)).json()] == [str(bob)]
    for viewer in (bobs, None):
        shown = (await http.get(f"{URL}/{alice}/endorsements", headers=viewer)).json()
        assert [each["id"] for each in shown] == [str(bob)]
    assert not (await http.post(f"{URL}/{bob}/{unendorse}", headers=headers)).json()["endorsed"]
    assert (await http.get("/api/v1/endorsements", headers=headers)).json() == []
    assert (await http.get(f"{URL}/5/endorsements")).status_code == 404


async def test_familiar_followers_are_shown_by_account(http: httpx2.AsyncClient, world: World) -> None:
    (alice, headers), bob, star = world.newcomer("alice"), world.user.add("bob"), world.user.add("star")
    world.user.follows |= {(alice, bob), (bob, star)}
    query = f"?id[]={star}&id[]={bob}"
    found = (await http.get(f"{URL}/familiar_followers{query}", headers=headers)).json()
    assert [(each["id"], [who["id"] for who in each["accounts"]]) for each in found] == [
        (str(star), [str(bob)]),
        (str(bob), []),
    ]
    in_body = await http.request("GET", f"{URL}/familiar_followers", headers=headers, json={"id": [str(star), bob]})
    assert in_body.json() == found
    assert (await http.get(f"{URL}/familiar_followers", headers=headers)).json() == []
