"""Notifications over real gRPC servers: composed, filtered for their reader, paged to the end, and put away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import pytest_asyncio

from gateway_service.routers.notifications import Notifications
from gateway_service.web import build_web
from rookery.moderation.v1.moderation_service_pb2 import Report
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.post.v1 import post_pb2
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL = 101, 102, 103
FAVOURITE, MENTION = pb.NOTIFICATION_TYPE_FAVOURITE, pb.NOTIFICATION_TYPE_MENTION
PATH = "/api/v1/notifications"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        world.account(account_id, name)
    world.relate(ALICE, BOB)
    world.relate(ALICE, CAROL)
    world.opaque["alices-token"] = world.tokens.identity(ALICE)
    world.opaque["posts-only"] = world.tokens.identity(ALICE, scopes=["read:statuses", "write:statuses"])
    world.opaque["an-app"] = world.tokens.identity(0)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    router = Notifications(gateway.clients, gateway.composer, gateway.exchange, gateway.settings).router
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, [router]))
    headers = {"authorization": "Bearer alices-token"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test", headers=headers) as client:
        yield client


async def walked(http: httpx2.AsyncClient, rel: str = "next", **asked: Any) -> list[str]:
    """Ids of all pages, by their links."""
    found: list[str] = []
    answer = await http.get(PATH, params=asked)
    while True:
        ids = [each["id"] for each in answer.json()]
        found += ids if rel == "next" else ids[::-1]
        if rel not in answer.links or (rel == "prev" and not ids):
            return found
        answer = await http.get(answer.links[rel]["url"])


async def test_a_page_says_who_did_what_to_which_post(world: World, http: httpx2.AsyncClient) -> None:
    world.tell(ALICE, 1, BOB)
    world.tell(ALICE, 2, CAROL, type=FAVOURITE, post_id=world.post(11, ALICE))
    world.tell(ALICE, 3, BOB, type=MENTION, post_id=world.post(12, BOB))
    world.tell(ALICE, 4, BOB, type=pb.NOTIFICATION_TYPE_REBLOG, post_id=11)
    found = (await http.get(PATH)).json()
    assert [(each["id"], each["type"], each["account"]["acct"]) for each in found] == [
        ("4", "reblog", "bob"),
        ("3", "mention", "bob"),
        ("2", "favourite", "carol"),
        ("1", "follow", "bob"),
    ]
    assert [each.get("status", {}).get("id") for each in found] == ["11", "12", "11", None]
    assert {key: found[3][key] for key in ("created_at", "group_key")} == {
        "created_at": "2023-11-14T22:13:20.000Z",
        "group_key": "ungrouped-1",
    }
    assert len(world.called("BatchGetPosts")) == len(world.called("BatchGetRelationships")) == 1
    one = await http.get(f"{PATH}/2")
    assert one.json() == found[2]


async def test_what_the_community_took_down_and_what_a_conversation_holds_are_told(
    world: World, http: httpx2.AsyncClient
) -> None:
    world.tell(ALICE, 1, BOB, type=pb.NOTIFICATION_TYPE_MESSAGE, conversation_id=77)
    world.tell(ALICE, 2, 0, type=pb.NOTIFICATION_TYPE_MODERATION_WARNING, post_id=11)
    warned, message = (await http.get(PATH)).json()
    assert (warned["type"], warned["account"]["id"]) == ("moderation_warning", "-99")
    assert warned["moderation_warning"] | {"target_account": None} == {
        "id": "2",
        "action": "delete_statuses",
        "text": "",
        "status_ids": ["11"],
        "target_account": None,
        "appeal": None,
        "created_at": warned["created_at"],
    }
    assert warned["moderation_warning"]["target_account"]["acct"] == "alice"
    assert (message["type"], message["account"]["acct"], message["conversation_id"]) == ("message", "bob", "77")


@pytest.fixture
def staff(world: World) -> dict[str, str]:
    """Alice, as a member of the staff, who has heard of a report and of somebody new."""
    world.opaque["the-desk"] = world.tokens.identity(ALICE, permissions=["manage_reports", "manage_users"])
    report = Report(report_id=31, account_id=BOB, target_account_id=CAROL, comment="Rude", post_ids=[12])
    world.reports[31] = report
    world.tell(ALICE, 5, BOB, type=pb.NOTIFICATION_TYPE_ADMIN_REPORT, report_id=31)
    world.tell(ALICE, 6, CAROL, type=pb.NOTIFICATION_TYPE_ADMIN_SIGN_UP)
    world.tell(ALICE, 7, 0, type=pb.NOTIFICATION_TYPE_ADMIN_REPORT, report_id=32)
    world.reports[32] = Report(report_id=32, target_account_id=BOB, rule="mild")
    return {"authorization": "Bearer the-desk"}


async def test_the_staff_reads_of_reports_and_newcomers(
    world: World, http: httpx2.AsyncClient, staff: dict[str, str]
) -> None:
    by_rule, newcomer, filed = (await http.get(PATH, headers=staff)).json()
    assert (newcomer["type"], newcomer["account"]["acct"]) == ("admin.sign_up", "carol")
    assert (filed["type"], filed["account"]["acct"]) == ("admin.report", "bob")
    report = filed["report"]
    assert {name: report[name] for name in ("id", "comment", "category", "action_taken", "status_ids")} == {
        "id": "31",
        "comment": "Rude",
        "category": "other",
        "action_taken": False,
        "status_ids": ["12"],
    }
    assert report["target_account"]["acct"] == "carol"
    assert (by_rule["account"]["id"], by_rule["report"]["target_account"]["acct"]) == ("-99", "bob")
    assert world.called("BatchGetReports") == [[31, 32]]


async def test_who_is_of_the_staff_no_longer_reads_nothing_of_it(
    world: World, http: httpx2.AsyncClient, staff: dict[str, str]
) -> None:
    world.tell(ALICE, 8, BOB)
    assert [each["id"] for each in (await http.get(PATH)).json()] == ["8"]
    assert (await http.get(f"{PATH}/6")).status_code == 404
    assert world.called("BatchGetReports") == []
    world.opaque["the-desk"] = world.tokens.identity(ALICE, permissions=["manage_users"])
    assert [each["type"] for each in (await http.get(PATH, headers=staff)).json()] == ["follow", "admin.sign_up"]


async def test_without_moderation_the_rest_is_told(
    world: World, http: httpx2.AsyncClient, staff: dict[str, str]
) -> None:
    world.failures["BatchGetReports"] = Unavailable("away")
    answer = await http.get(PATH, headers=staff)
    assert [each["type"] for each in answer.json()] == ["admin.sign_up"]


@pytest.mark.parametrize("relationship", ["blocking", "blocked_by", "muting_notifications"])
async def test_what_blocked_and_muted_accounts_do_is_not_shown(
    world: World, http: httpx2.AsyncClient, relationship: str
) -> None:
    world.relate(ALICE, BOB, **{relationship: True})
    world.tell(ALICE, 1, CAROL)
    world.tell(ALICE, 2, BOB)
    assert [each["id"] for each in (await http.get(PATH)).json()] == ["1"]
    assert (await http.get(f"{PATH}/2")).status_code == 404


async def test_a_notification_of_a_post_that_is_gone_is_not_shown(world: World, http: httpx2.AsyncClient) -> None:
    world.tell(ALICE, 1, BOB, type=MENTION, post_id=world.post(11, BOB))
    world.hidden.add(11)
    assert (await http.get(PATH)).json() == []
    assert (await http.get(f"{PATH}/1")).status_code == 404


@pytest.mark.parametrize(("rel", "start"), [("next", {}), ("prev", {"min_id": 1})])
async def test_pages_do_not_end_early_however_many_are_not_shown(
    world: World, http: httpx2.AsyncClient, rel: str, start: dict[str, int]
) -> None:
    world.relate(ALICE, BOB, muting_notifications=True)
    for number in range(10, 1_200):
        world.tell(ALICE, number, CAROL if number % 400 in (20, 21, 22) else BOB)
    expected = [str(number) for base in (0, 400, 800) for number in (base + 20, base + 21, base + 22)]
    assert await walked(http, rel, limit=2, **start) == (expected[::-1] if rel == "next" else expected)


async def test_a_page_is_chosen_by_type_and_account(world: World, http: httpx2.AsyncClient) -> None:
    world.tell(ALICE, 1, BOB)
    world.tell(ALICE, 2, CAROL, type=FAVOURITE, post_id=world.post(11, ALICE))
    world.tell(ALICE, 3, BOB, type=FAVOURITE, post_id=11)

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await http.get(f"{PATH}?{query}")).json()]

    assert await ids("types[]=favourite&types[]=poll") == ["3", "2"]
    assert await ids("exclude_types[]=favourite&exclude_types[]=poll") == ["1"]
    assert await ids("types[]=poll") == []
    assert await ids(f"account_id={BOB}") == ["3", "1"]
    assert await ids("since_id=1&limit=1") == ["3"]
    assert await ids("min_id=1&limit=1") == ["2"]


async def test_links_name_what_is_above_and_below(world: World, http: httpx2.AsyncClient) -> None:
    for number in (1, 2, 3):
        world.tell(ALICE, number, BOB)
    first = await http.get(PATH, params={"limit": 2})
    assert first.headers["link"] == (
        f'<https://rookery.test{PATH}?limit=2&max_id=2>; rel="next", '
        f'<https://rookery.test{PATH}?limit=2&min_id=3>; rel="prev"'
    )
    last = await http.get(PATH, params={"limit": 2, "max_id": 2})
    assert list(last.links) == ["prev"]


async def test_one_or_all_are_put_away(world: World, http: httpx2.AsyncClient) -> None:
    for number in (1, 2, 3):
        world.tell(ALICE, number, BOB)
    for _ in range(2):
        answer = await http.post(f"{PATH}/2/dismiss")
        assert (answer.status_code, answer.json()) == (200, {})
    assert await walked(http) == ["3", "1"]
    assert (await http.get(f"{PATH}/2")).status_code == 404
    answer = await http.post(f"{PATH}/clear")
    assert (answer.status_code, answer.json()) == (200, {})
    assert await walked(http) == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/1"), ("POST", "/clear"), ("POST", "/1/dismiss")])
async def test_each_route_needs_a_user_with_its_scope(http: httpx2.AsyncClient, method: str, path: str) -> None:
    for token, status in (("nonsense", 401), ("posts-only", 403), ("an-app", 422)):
        answer = await http.request(method, PATH + path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status, token
        assert "error" in answer.json()


@pytest.mark.parametrize("query", ["limit=0", "max_id=x", "account_id=x", "types[a][b]=1"])
async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, query: str) -> None:
    answer = await http.get(f"{PATH}?{query}")
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [query.partition("=")[0].partition("[")[0]]


async def test_an_id_that_is_none_is_not_found(http: httpx2.AsyncClient) -> None:
    for path in ("/unread", "/0", "/x"):
        assert (await http.get(PATH + path)).status_code == 404


async def test_while_notification_is_away_the_answer_says_so(world: World, http: httpx2.AsyncClient) -> None:
    world.failures["ListNotifications"] = Unavailable("Restarting.")
    answer = await http.get(PATH)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_the_unread_are_counted_above_the_marker_as_they_would_be_shown(
    world: World, http: httpx2.AsyncClient
) -> None:
    async def count(query: str = "") -> int:
        answer = await http.get(f"{PATH}/unread_count{query}")
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["count"]
        return found

    world.relate(ALICE, BOB, muting_notifications=True)
    for number in range(10, 300):
        world.tell(ALICE, number, BOB if number % 2 else CAROL)
    assert await count() == 100
    assert await count("?limit=1000") == 145
    assert await count("?limit=7") == 7
    assert await count("?types[]=poll") == 0
    world.markers[ALICE] = 290
    assert await count() == 4
    assert (await http.get(f"{PATH}/unread_count?limit=x")).status_code == 422


async def test_nothing_is_told_of_a_thread_that_the_reader_has_muted(world: World, http: httpx2.AsyncClient) -> None:
    world.tell(ALICE, 1, BOB, type=MENTION, post_id=world.post(11, BOB))
    world.tell(ALICE, 2, CAROL, type=FAVOURITE, post_id=world.post(12, ALICE))
    world.tell(ALICE, 3, BOB, type=MENTION, post_id=world.post(13, BOB))
    world.marks[ALICE, 11] = world.marks[ALICE, 12] = post_pb2.PostMarks(muted=True)
    assert [each["id"] for each in (await http.get(PATH)).json()] == ["3"]
