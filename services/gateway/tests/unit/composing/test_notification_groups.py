"""Groups of notifications over real gRPC servers: composed, filtered for their reader, paged and put away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2
import pytest
import pytest_asyncio
from gateway_fakes.notification_groups import tell_group

from gateway_service.routers.notification_groups import NotificationGroups
from gateway_service.web import build_web
from rookery.notification.v1 import notification_service_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
PATH = "/api/v2/notifications"
LIKED = "favourite-11-7"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAN, "dan")):
        world.account(account_id, name)
    for account_id in (BOB, CAROL, DAN):
        world.relate(ALICE, account_id)
    world.opaque["alices-token"] = world.tokens.identity(ALICE)
    world.post(11, ALICE)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    router = NotificationGroups(gateway.clients, gateway.composer, gateway.exchange, gateway.settings).router
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, [router]))
    headers = {"authorization": "Bearer alices-token"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test", headers=headers) as client:
        yield client


async def test_accounts_and_statuses_of_groups_are_there_once(world: World, http: httpx2.AsyncClient) -> None:
    tell_group(world, ALICE, LIKED, 30, CAROL, BOB, post_id=11)
    tell_group(world, ALICE, "reblog-11-7", 20, BOB, post_id=11, type=pb.NOTIFICATION_TYPE_REBLOG)
    tell_group(world, ALICE, "ungrouped-10", 10, BOB, type=pb.NOTIFICATION_TYPE_FOLLOW)
    answer = (await http.get(PATH)).json()
    assert sorted(each["acct"] for each in answer["accounts"]) == ["bob", "carol"]
    assert [each["id"] for each in answer["statuses"]] == ["11"]
    liked, reblogged, followed = answer["notification_groups"]
    assert liked == {
        "group_key": LIKED,
        "notifications_count": 2,
        "type": "favourite",
        "most_recent_notification_id": "30",
        "page_min_id": "1",
        "page_max_id": "30",
        "latest_page_notification_at": "2023-11-14T22:13:20.000Z",
        "sample_account_ids": [str(CAROL), str(BOB)],
        "status_id": "11",
    }
    assert (reblogged["status_id"], "status_id" in followed) == ("11", False)
    one = (await http.get(f"{PATH}/{LIKED}")).json()
    assert one["notification_groups"] == [liked]
    assert (await http.get(f"{PATH}/favourite-12-7")).status_code == 404


async def test_most_accounts_are_a_picture_where_so_asked(world: World, http: httpx2.AsyncClient) -> None:
    tell_group(world, ALICE, LIKED, 30, CAROL, BOB, DAN, post_id=11)
    answer = (await http.get(PATH, params={"expand_accounts": "partial_avatars"})).json()
    assert [each["acct"] for each in answer["accounts"]] == ["carol"]
    assert [each["acct"] for each in answer["partial_accounts"]] == ["bob", "dan"]
    assert set(answer["partial_accounts"][0]) == {"id", "acct", "url", "avatar", "avatar_static", "locked", "bot"}
    assert (await http.get(PATH, params={"expand_accounts": "some"})).status_code == 422


async def test_whom_the_reader_does_not_see_is_in_no_group(world: World, http: httpx2.AsyncClient) -> None:
    world.relate(ALICE, BOB, blocking=True)
    tell_group(world, ALICE, LIKED, 30, BOB, CAROL, post_id=11)
    tell_group(world, ALICE, "ungrouped-10", 10, BOB, type=pb.NOTIFICATION_TYPE_FOLLOW)
    answer = (await http.get(PATH)).json()
    (group,) = answer["notification_groups"]
    assert (group["sample_account_ids"], group["notifications_count"]) == ([str(CAROL)], 2)
    assert [each["acct"] for each in answer["accounts"]] == ["carol"]
    members = (await http.get(f"{PATH}/{LIKED}/accounts")).json()
    assert [each["acct"] for each in members] == ["carol"]


async def test_pages_make_up_for_what_is_not_shown_and_are_linked(world: World, http: httpx2.AsyncClient) -> None:
    world.relate(ALICE, BOB, blocking=True)
    for number in range(1, 9):
        tell_group(
            world, ALICE, f"ungrouped-{number}", number, BOB if number % 2 else CAROL, type=pb.NOTIFICATION_TYPE_FOLLOW
        )
    found, answer = [], await http.get(PATH, params={"limit": 2})
    while True:
        page = [each["group_key"] for each in answer.json()["notification_groups"]]
        assert len(page) <= 2
        found += page
        if "next" not in answer.links:
            break
        answer = await http.get(answer.links["next"]["url"])
    assert found == [f"ungrouped-{number}" for number in (8, 6, 4, 2)]


async def test_unread_groups_are_counted_and_a_group_is_dismissed(world: World, http: httpx2.AsyncClient) -> None:
    for number in (10, 20, 30):
        tell_group(world, ALICE, f"ungrouped-{number}", number, BOB, type=pb.NOTIFICATION_TYPE_FOLLOW)
    world.markers[ALICE] = 10
    assert (await http.get(f"{PATH}/unread_count")).json() == {"count": 2}
    assert (await http.post(f"{PATH}/ungrouped-30/dismiss")).json() == {}
    assert (await http.get(f"{PATH}/unread_count", params={"limit": 1})).json() == {"count": 1}
    asked = await http.get(PATH, params={"grouped_types[]": ["favourite", "unknown"], "types[]": "unknown"})
    assert asked.json() == {"accounts": [], "statuses": [], "notification_groups": []}
