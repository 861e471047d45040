"""Of whom a viewer wants to hear: what strangers did is kept apart, or dropped, until the viewer says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import pytest_asyncio
from gateway_fakes.notification_groups import tell_group

from gateway_service.routers.notification_groups import NotificationGroups
from gateway_service.routers.notification_policy import PolicyRoutes
from gateway_service.routers.notifications import Notifications
from gateway_service.web import build_web
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.post.v1.post_pb2 import VISIBILITY_DIRECT
from rookery_common.clock import SystemClock
from rookery_common.ids import lowest_id_at

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
FAVOURITE, MENTION = pb.NOTIFICATION_TYPE_FAVOURITE, pb.NOTIFICATION_TYPE_MENTION
PATH, POLICY = "/api/v1/notifications", "/api/v2/notifications/policy"
REQUESTS = "/api/v1/notifications/requests"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    """Alice follows Bob, Carol follows Alice, and Dan is a stranger."""
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAN, "dan")):
        world.account(account_id, name)
    world.follow(ALICE, BOB)
    world.relate(ALICE, CAROL, followed_by=True)
    world.relate(ALICE, DAN)
    world.opaque["alices-token"] = world.tokens.identity(ALICE)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    parts = (gateway.clients, gateway.composer, gateway.exchange, gateway.settings)
    routers = [PolicyRoutes(*parts, SystemClock()).router, Notifications(*parts).router]
    routers.append(NotificationGroups(*parts).router)
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, routers))
    headers = {"authorization": "Bearer alices-token"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test", headers=headers) as client:
        yield client


async def ids(http: httpx2.AsyncClient, **asked: Any) -> list[str]:
    return [each["id"] for each in (await http.get(PATH, params=asked)).json()]


async def waiting(http: httpx2.AsyncClient) -> list[tuple[str, str]]:
    return [(each["id"], each["notifications_count"]) for each in (await http.get(REQUESTS)).json()]


async def test_a_policy_begins_with_private_mentions_kept_apart_and_changes_by_what_is_named(
    http: httpx2.AsyncClient,
) -> None:
    assert (await http.get(POLICY)).json() == {
        "for_not_following": "accept",
        "for_not_followers": "accept",
        "for_new_accounts": "accept",
        "for_private_mentions": "filter",
        "for_limited_accounts": "filter",
        "summary": {"pending_requests_count": 0, "pending_notifications_count": 0},
    }
    changed = await http.patch(POLICY, json={"for_not_following": "drop"})
    assert (changed.json()["for_not_following"], changed.json()["for_private_mentions"]) == ("drop", "filter")
    refused = await http.patch(POLICY, data={"for_new_accounts": "perhaps"})
    assert refused.status_code == 422
    assert "for_new_accounts" in refused.json()["details"]
    older = await http.put("/api/v1/notifications/policy", data={"filter_not_following": "0"})
    assert older.json()["filter_not_following"] is False
    assert (await http.get("/api/v1/notifications/policy")).json()["filter_private_mentions"] is True


@pytest.mark.parametrize(
    ("field", "kept"),
    [("for_not_following", ["3"]), ("for_not_followers", ["2"]), ("for_new_accounts", ["3", "2", "1"])],
)
async def test_what_others_did_is_kept_apart_by_what_they_are_to_the_viewer(
    world: World, http: httpx2.AsyncClient, field: str, kept: list[str]
) -> None:
    for number, account_id in ((1, DAN), (2, CAROL), (3, BOB)):
        world.tell(ALICE, number, account_id)
    await http.patch(POLICY, json={field: "filter"})
    assert await ids(http) == kept
    assert await ids(http, include_filtered="true") == ["3", "2", "1"]
    assert await ids(http, account_id=str(DAN)) == ["1"]
    assert (await http.get(f"{PATH}/1")).status_code == 200
    assert (await http.get(f"{PATH}/unread_count")).json() == {"count": len(kept)}


async def test_new_accounts_are_those_of_the_last_thirty_days(world: World, http: httpx2.AsyncClient) -> None:
    newcomer = world.account(lowest_id_at(SystemClock().unix_ms() - 86_400_000), "erin")
    world.relate(ALICE, newcomer)
    world.tell(ALICE, 1, newcomer)
    await http.patch(POLICY, json={"for_new_accounts": "filter"})
    assert await ids(http) == []
    world.follow(ALICE, newcomer)
    assert await ids(http) == ["1"]


async def test_a_strangers_direct_post_waits_unless_it_answers_the_viewer(
    world: World, http: httpx2.AsyncClient
) -> None:
    world.tell(ALICE, 1, DAN, type=MENTION, post_id=world.post(11, DAN, visibility=VISIBILITY_DIRECT))
    answer = world.post(12, DAN, visibility=VISIBILITY_DIRECT, in_reply_to_account_id=ALICE)
    world.tell(ALICE, 2, DAN, type=MENTION, post_id=answer)
    world.tell(ALICE, 3, DAN, type=MENTION, post_id=world.post(13, DAN))
    world.tell(ALICE, 4, BOB, type=MENTION, post_id=world.post(14, BOB, visibility=VISIBILITY_DIRECT))
    assert await ids(http) == ["4", "3", "2"]
    (request,) = (await http.get(REQUESTS)).json()
    assert (request["id"], request["account"]["acct"], request["last_status"]["id"]) == (str(DAN), "dan", "11")


async def test_a_request_is_read_and_accepted_and_what_waited_is_in_the_list(
    world: World, http: httpx2.AsyncClient
) -> None:
    for number, account_id in ((1, DAN), (2, DAN), (3, CAROL)):
        world.tell(ALICE, number, account_id)
    await http.patch(POLICY, json={"for_not_following": "filter"})
    assert await waiting(http) == [(str(DAN), "2"), (str(CAROL), "1")]
    summary = (await http.get(POLICY)).json()["summary"]
    assert summary == {"pending_requests_count": 2, "pending_notifications_count": 3}
    assert (await http.get(f"{REQUESTS}/{DAN}")).json()["notifications_count"] == "2"
    assert (await http.post(f"{REQUESTS}/{DAN}/accept")).json() == {}
    assert await ids(http) == ["2", "1"]
    assert await waiting(http) == [(str(CAROL), "1")]
    assert (await http.get(f"{REQUESTS}/{DAN}")).status_code == 404
    assert (await http.get(f"{REQUESTS}/merged")).json() == {"merged": True}


async def test_dismissed_requests_wait_no_longer_until_there_is_something_newer(
    world: World, http: httpx2.AsyncClient
) -> None:
    world.tell(ALICE, 1, DAN)
    world.tell(ALICE, 2, CAROL)
    await http.patch(POLICY, json={"for_not_following": "filter"})
    assert (await http.post(f"{REQUESTS}/dismiss", data={"id[]": [str(DAN), str(CAROL)]})).json() == {}
    assert (await waiting(http), await ids(http)) == ([], [])
    world.tell(ALICE, lowest_id_at(SystemClock().unix_ms() + 60_000), DAN)
    assert await waiting(http) == [(str(DAN), "1")]


async def test_many_are_accepted_at_once_and_none_or_strange_ids_are_refused(
    world: World, http: httpx2.AsyncClient
) -> None:
    world.tell(ALICE, 1, DAN)
    world.tell(ALICE, 2, CAROL)
    await http.patch(POLICY, json={"for_not_following": "filter"})
    assert (await http.post(f"{REQUESTS}/accept", json={"id": []})).status_code == 422
    assert (await http.post(f"{REQUESTS}/accept", json={"id": ["dan"]})).status_code == 422
    assert (await http.post(f"{REQUESTS}/accept", json={"id": [str(DAN), str(CAROL)]})).status_code == 200
    assert await ids(http) == ["2", "1"]


async def test_requests_have_pages(world: World, http: httpx2.AsyncClient) -> None:
    for number, account_id in ((1, DAN), (2, CAROL)):
        world.tell(ALICE, number, account_id)
    await http.patch(POLICY, json={"for_not_following": "filter"})
    first = await http.get(REQUESTS, params={"limit": 1})
    second = await http.get(first.links["next"]["url"])
    assert [each["id"] for each in (*first.json(), *second.json())] == [str(DAN), str(CAROL)]
    assert "next" not in second.links


async def test_what_is_dropped_waits_nowhere_and_is_there_again_once_the_policy_changes(
    world: World, http: httpx2.AsyncClient
) -> None:
    world.tell(ALICE, 1, DAN)
    await http.patch(POLICY, json={"for_not_following": "drop"})
    assert (await ids(http), await waiting(http)) == ([], [])
    assert await ids(http, include_filtered="true") == []
    await http.patch(POLICY, json={"for_not_following": "accept"})
    assert await ids(http) == ["1"]


async def test_a_group_names_those_whom_the_policy_lets_through(world: World, http: httpx2.AsyncClient) -> None:
    post_id = world.post(11, ALICE)
    tell_group(world, ALICE, "favourite-11-1", 5, DAN, BOB, type=FAVOURITE, post_id=post_id)
    tell_group(world, ALICE, "ungrouped-4", 4, DAN)
    await http.patch(POLICY, json={"for_not_following": "filter"})
    (group,) = (await http.get("/api/v2/notifications")).json()["notification_groups"]
    assert group["sample_account_ids"] == [str(BOB)]
    whole = (await http.get("/api/v2/notifications", params={"include_filtered": "true"})).json()
    assert len(whole["notification_groups"]) == 2


async def test_what_no_policy_is_about_asks_for_none(world: World, http: httpx2.AsyncClient) -> None:
    world.tell(ALICE, 1, DAN, type=pb.NOTIFICATION_TYPE_POLL, post_id=world.post(11, DAN))
    assert await ids(http) == ["1"]
    assert world.called("GetPolicy") == []
