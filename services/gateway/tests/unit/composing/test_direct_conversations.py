"""Threads of direct posts over real gRPC servers: as conversations of their reader, by pages and live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from gateway_service.routers.direct_conversations import DirectConversationRoutes
from gateway_service.web import build_web
from rookery.messaging.v1.direct_thread_service_pb2 import StreamDirectThreadsResponse
from rookery.post.v1 import post_pb2
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL = 101, 102, 103
PATH = "/api/v1/conversations"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        world.account(account_id, name)
    world.relate(BOB, ALICE)
    world.relate(BOB, CAROL)
    world.opaque["bobs-token"] = world.tokens.identity(BOB)
    world.opaque["reads-only"] = world.tokens.identity(BOB, scopes=["read:statuses"])
    world.opaque["an-app"] = world.tokens.identity(0)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    router = DirectConversationRoutes(gateway.clients, gateway.composer, gateway.exchange, gateway.settings).router
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, [router]))
    headers = {"authorization": "Bearer bobs-token"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test", headers=headers) as client:
        yield client


def direct(world: World, post_id: int, author_id: int = ALICE) -> int:
    return world.post(post_id, author_id, f"Number {post_id}", visibility=post_pb2.VISIBILITY_DIRECT)


def shown(answer: httpx2.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200
    return [(each["id"], each["last_status"]["id"]) for each in answer.json()]


async def test_a_conversation_says_who_is_in_it_and_what_was_said_last(world: World, http: httpx2.AsyncClient) -> None:
    world.thread(BOB, 11, direct(world, 12), direct(world, 11, BOB), unread=True, others=(ALICE, CAROL))
    world.thread(BOB, 13, direct(world, 13, BOB), others=())
    alone, first = (await http.get(PATH)).json()
    assert (first["id"], first["unread"], first["last_status"]["content"]) == ("11", True, "<p>Number 12</p>")
    assert [account["acct"] for account in first["accounts"]] == ["alice", "carol"]
    assert [account["acct"] for account in alone["accounts"]] == ["bob"]
    assert alone["unread"] is False


async def test_pages_are_linked_to_both_ends(world: World, http: httpx2.AsyncClient) -> None:
    for post_id in range(11, 16):
        world.thread(BOB, post_id, direct(world, post_id), others=(ALICE,))
    answer = await http.get(PATH, params={"limit": 2})
    ids = [each for each, _ in shown(answer)]
    while "next" in answer.links:
        answer = await http.get(answer.links["next"]["url"])
        ids += [each for each, _ in shown(answer)]
    assert ids == ["15", "14", "13", "12", "11"]
    answer = await http.get(PATH, params={"limit": 2, "max_id": 12})
    assert "next" not in answer.links
    up = await http.get(answer.links["prev"]["url"])
    assert [each for each, _ in shown(up)] == ["13", "12"]


@pytest.mark.parametrize("relation", ["blocking", "blocked_by", "muting"])
async def test_of_whom_the_viewer_avoids_nothing_is_shown(
    world: World, http: httpx2.AsyncClient, relation: str
) -> None:
    world.thread(BOB, 11, direct(world, 13, CAROL), direct(world, 12), direct(world, 11, BOB), others=(ALICE, CAROL))
    world.thread(BOB, 14, direct(world, 14, CAROL), others=(CAROL,))
    assert shown(await http.get(PATH)) == [("14", "14"), ("11", "13")]
    world.relate(BOB, CAROL, **{relation: True})
    assert shown(await http.get(PATH)) == [("11", "12")]
    assert (await http.post(f"{PATH}/14/read")).status_code == 404


async def test_a_deleted_post_gives_way_to_the_one_before(world: World, http: httpx2.AsyncClient) -> None:
    world.thread(BOB, 11, direct(world, 12), direct(world, 11), others=(ALICE,))
    world.hidden.add(12)
    assert shown(await http.get(PATH)) == [("11", "11")]
    world.hidden.add(11)
    assert shown(await http.get(PATH)) == []


async def test_a_conversation_is_read_unread_and_taken_away(world: World, http: httpx2.AsyncClient) -> None:
    world.thread(BOB, 11, direct(world, 11), unread=True, others=(ALICE,))
    for act, unread in (("read", False), ("unread", True), ("read", False)):
        answer = (await http.post(f"{PATH}/11/{act}")).json()
        assert (answer["id"], answer["unread"], answer["last_status"]["id"]) == ("11", unread, "11")
        assert world.threads[BOB][0].unread is unread
    assert (await http.delete(f"{PATH}/11")).json() == {}
    assert shown(await http.get(PATH)) == []
    assert (await http.delete(f"{PATH}/11")).status_code == 404
    assert (await http.post(f"{PATH}/11/read")).status_code == 404
    assert (await http.post(f"{PATH}/x/read")).status_code == 404


async def test_each_route_needs_a_user_and_its_scope(http: httpx2.AsyncClient) -> None:
    for method, path in (("GET", PATH), ("DELETE", f"{PATH}/1"), ("POST", f"{PATH}/1/read")):
        for token, status in (("nonsense", 401), ("an-app", 422)):
            answer = await http.request(method, path, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == status
    refused = await http.post(f"{PATH}/1/read", headers={"authorization": "Bearer reads-only"})
    assert refused.status_code == 403
    assert (await http.get(PATH, params={"limit": "x"})).status_code == 422


async def received(websocket: Any) -> tuple[list[str], str, dict[str, Any]]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame = json.loads(await websocket.recv())
    return frame["stream"], frame["event"], json.loads(frame["payload"])


def news(thread_id: int, post_id: int) -> StreamDirectThreadsResponse:
    found = StreamDirectThreadsResponse()
    found.updates.add(thread_id=thread_id, post_id=post_id, account_ids=[BOB])
    return found


async def test_new_direct_posts_arrive_as_conversations_once(world: World, address: str) -> None:
    async with connect(f"ws://{address}/api/v1/streaming?stream=direct&access_token=bobs-token") as websocket:
        await eventually(lambda: BOB in world.direct_listening)
        for post_id in (11, 12):
            world.thread(BOB, 11, direct(world, post_id), unread=True, others=(ALICE,))
            for _ in range(2):
                world.direct_news.put_nowait(news(11, post_id))
            stream, event, body = await received(websocket)
            assert (stream, event) == (["direct"], "conversation")
            assert (body["id"], body["unread"], body["last_status"]["id"]) == ("11", True, str(post_id))
            assert [account["acct"] for account in body["accounts"]] == ["alice"]
        await websocket.send(json.dumps({"type": "unsubscribe", "stream": "direct"}))
        await eventually(lambda: BOB not in world.direct_listening)


async def test_nothing_arrives_of_whom_the_viewer_avoids(world: World, address: str) -> None:
    world.relate(BOB, CAROL, muting=True)
    async with connect(f"ws://{address}/api/v1/streaming?stream=direct&access_token=bobs-token") as websocket:
        await eventually(lambda: BOB in world.direct_listening)
        world.thread(BOB, 11, direct(world, 11, CAROL), others=(CAROL,))
        world.thread(BOB, 12, direct(world, 12), others=(ALICE,))
        world.direct_news.put_nowait(news(11, 11))
        world.direct_news.put_nowait(news(12, 12))
        assert (await received(websocket))[2]["id"] == "12"


@pytest.mark.parametrize("cause", ["gap", "break"])
async def test_conversations_that_were_missed_are_made_up_for(world: World, address: str, cause: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    async with connect(f"ws://{address}/api/v1/streaming?stream=direct&access_token=bobs-token") as websocket:
        await eventually(lambda: BOB in world.direct_listening)
        for post_id in (1, later, later + 1):
            world.thread(BOB, post_id, direct(world, post_id), others=(ALICE,))
        gap = StreamDirectThreadsResponse(gap_account_ids=[BOB])
        world.direct_news.put_nowait(gap if cause == "gap" else Unavailable("Restarting."))
        assert [(await received(websocket))[2]["id"] for _ in range(2)] == [str(later), str(later + 1)]


async def test_conversations_arrive_by_server_sent_events(world: World, address: str) -> None:
    async with (
        httpx2.AsyncClient(headers={"authorization": "Bearer bobs-token"}) as http,
        http.stream("GET", f"http://{address}/api/v1/streaming/direct") as answer,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == ":)"
        await eventually(lambda: BOB in world.direct_listening)
        world.thread(BOB, 11, direct(world, 11), others=(ALICE,))
        world.direct_news.put_nowait(news(11, 11))
        seen = [line async for line in _until(lines, "id: 11") if line]
    assert seen[0] == "event: conversation"
    assert json.loads(seen[1].removeprefix("data: "))["last_status"]["id"] == "11"


async def _until(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line == last:
            return
