"""Markers over HTTP: what is asked of notification, and how it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.routers.markers import TIMELINES
from rookery.notification.v1 import notification_service_pb2 as pb

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/v1/markers"


async def test_markers_are_set_and_read_by_the_names_of_their_timelines(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    body = {"home": {"last_read_id": "103"}, "notifications": {"last_read_id": "7"}}
    made = (await http.post(PATH, json=body, headers=headers)).json()
    assert {name: (each["last_read_id"], each["version"]) for name, each in made.items()} == {
        "home": ("103", 1),
        "notifications": ("7", 1),
    }
    assert made["home"]["updated_at"].endswith("Z")
    moved = await http.post(PATH, data={"home[last_read_id]": "104"}, headers=headers)
    assert [(name, each["version"]) for name, each in moved.json().items()] == [("home", 2)]
    found = await http.get(PATH, params={"timeline[]": ["home", "notifications", "elsewhere"]}, headers=headers)
    assert {name: each["last_read_id"] for name, each in found.json().items()} == {"home": "104", "notifications": "7"}
    assert list((await http.get(f"{PATH}?timeline[]=home", headers=headers)).json()) == ["home"]


async def test_nothing_that_is_marked_is_nothing(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    for answer in (
        await http.get(PATH, headers=headers),
        await http.get(f"{PATH}?timeline[]=home", headers=headers),
        await http.post(PATH, json={"elsewhere": {"last_read_id": "1"}}, headers=headers),
    ):
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"home": {}}, "home.last_read_id"),
        ({"home": {"last_read_id": "x"}}, "home.last_read_id"),
        ({"home": {"last_read_id": 0}}, "home.last_read_id"),
        ({"home": 3}, "home"),
    ],
)
async def test_what_is_no_marker_is_refused_by_its_name(
    http: httpx2.AsyncClient, world: World, body: dict[str, Any], field: str
) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(PATH, json=body, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]
    assert not world.notification.markers


@pytest.mark.parametrize(("method", "scope"), [("GET", "write"), ("POST", "read")])
async def test_markers_need_a_user_and_the_scope(
    http: httpx2.AsyncClient, world: World, method: str, scope: str
) -> None:
    assert (await http.request(method, PATH)).status_code == 401
    _, headers = world.newcomer("alice", scope)
    assert (await http.request(method, PATH, headers=headers)).status_code == 403
    assert (await http.request(method, PATH, headers=world.app_headers())).status_code == 422


def test_every_timeline_of_the_contract_has_a_name() -> None:
    assert set(TIMELINES.values()) == set(pb.MarkedTimeline.values()) - {pb.MARKED_TIMELINE_UNSPECIFIED}
