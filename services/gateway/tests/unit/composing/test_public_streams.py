"""Streams of lists and of what is the same for everybody, over a real HTTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect

from gateway_service.routers import streaming as module
from rookery.feed.v1.feed_service_pb2 import PublicTimelineUpdate, TimelineUpdate
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import World

ALICE, BOB, CAROL = 101, 102, 103
LIST = 7
Kind = TimelineUpdate.Kind
TOKEN = "access_token=bobs-token"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        world.account(account_id, name)
        world.follow(BOB, account_id)
    world.opaque["bobs-token"] = world.tokens.identity(BOB, session_id=7)
    world.lists[LIST] = {ALICE}


def public(entry_id: int, *timelines: str, kind: Any = Kind.KIND_UPDATE) -> PublicTimelineUpdate:
    return PublicTimelineUpdate(kind=kind, entry_id=entry_id, author_id=ALICE, timelines=timelines)


def at_home(entry_id: int, author_id: int = ALICE, kind: Any = Kind.KIND_UPDATE) -> TimelineUpdate:
    return TimelineUpdate(kind=kind, entry_id=entry_id, author_id=author_id, account_ids=[BOB])


@asynccontextmanager
async def socket(address: str, query: str = "") -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}/api/v1/streaming?{TOKEN}{query}") as websocket:
        yield websocket


async def say(websocket: ClientConnection, kind: str, stream: str, **more: str) -> None:
    await websocket.send(json.dumps({"type": kind, "stream": stream, **more}))


async def received(websocket: ClientConnection) -> tuple[list[str], str, str]:
    """The stream, the event, and which status."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await websocket.recv())
    payload = json.loads(frame["payload"])
    return frame["stream"], frame["event"], str(payload["id"] if isinstance(payload, dict) else payload)


@pytest.mark.parametrize(
    ("query", "timeline", "label"),
    [
        ("&stream=public", "public", ["public"]),
        ("&stream=public:local", "public", ["public:local"]),
        ("&stream=public:media", "public:media", ["public:media"]),
        ("&stream=hashtag&tag=Cats", "tag:cats", ["hashtag", "Cats"]),
        ("&stream=hashtag:local&tag=Cats", "tag:cats", ["hashtag:local", "Cats"]),
    ],
)
async def test_what_everybody_sees_arrives_by_websocket(
    world: World, address: str, query: str, timeline: str, label: list[str]
) -> None:
    async with socket(address, query) as websocket:
        await eventually(lambda: world.followed == {timeline})
        world.public_updates.put_nowait(public(world.post(1, ALICE), timeline))
        world.public_updates.put_nowait(public(1, timeline))
        world.public_updates.put_nowait(public(1, timeline, kind=Kind.KIND_STATUS_UPDATE))
        world.public_updates.put_nowait(public(1, timeline, kind=Kind.KIND_DELETE))
        told = [await received(websocket) for _ in range(3)]
        assert told == [(label, "update", "1"), (label, "status.update", "1"), (label, "delete", "1")]
    await eventually(lambda: not world.followed)


async def test_a_socket_has_many_streams_and_is_told_on_each_that_a_post_is_of(world: World, address: str) -> None:
    async with socket(address) as websocket:
        await say(websocket, "subscribe", "public")
        await say(websocket, "subscribe", "public:remote")
        await say(websocket, "subscribe", "hashtag", tag="cats")
        await say(websocket, "subscribe", "hashtag", tag="dogs")
        await eventually(lambda: world.followed == {"public", "tag:cats", "tag:dogs"})
        world.public_updates.put_nowait(public(world.post(1, ALICE), "public", "tag:cats"))
        assert {tuple((await received(websocket))[0]) for _ in range(2)} == {("public",), ("hashtag", "cats")}
        await say(websocket, "unsubscribe", "hashtag", tag="cats")
        await eventually(lambda: world.followed == {"public", "tag:dogs"})
        world.public_updates.put_nowait(public(world.post(2, ALICE), "public", "tag:dogs"))
        assert {tuple((await received(websocket))[0]) for _ in range(2)} == {("public",), ("hashtag", "dogs")}


@pytest.mark.parametrize("what", ["blocking", "blocked_by", "muting"])
async def test_nobody_is_told_of_whom_they_avoid(world: World, address: str, what: str) -> None:
    world.relate(BOB, ALICE, **{what: True})
    async with socket(address, "&stream=public") as websocket:
        await eventually(lambda: world.followed == {"public"})
        world.public_updates.put_nowait(public(world.post(1, ALICE), "public"))
        world.public_updates.put_nowait(public(2, "public", kind=Kind.KIND_DELETE))
        assert (await received(websocket))[1] == "delete"


@pytest.mark.parametrize("cause", ["gap", "break"])
async def test_what_was_missed_of_everybodys_is_made_up_for(world: World, address: str, cause: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    async with socket(address, "&stream=hashtag&tag=cats") as websocket:
        await eventually(lambda: world.followed == {"tag:cats"})
        for entry_id in (1, later, later + 1):
            world.publish(world.post(entry_id, ALICE))
        gap = public(0, "tag:cats", kind=Kind.KIND_GAP)
        world.public_updates.put_nowait(gap if cause == "gap" else Unavailable("Restarting."))
        assert [(await received(websocket))[2] for _ in range(2)] == [str(later), str(later + 1)]
    assert world.called("ListPublicTimeline")[0][0] == ["cats"]


async def test_nothing_comes_from_other_servers_neither_now_nor_after_a_gap(world: World, address: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    seen = lowest_id_at(SystemClock().unix_ms())
    async with socket(address, f"&stream=public:remote&last_event_id={seen}") as websocket:
        await say(websocket, "subscribe", "public")
        await eventually(lambda: world.followed == {"public"})
        world.publish(world.post(later, ALICE))
        world.public_updates.put_nowait(Unavailable("Restarting."))
        assert await received(websocket) == (["public"], "update", str(later))
        await eventually(lambda: world.followed == {"public"})
        world.public_updates.put_nowait(public(later, "public", kind=Kind.KIND_DELETE))
        assert await received(websocket) == (["public"], "delete", str(later))


async def test_a_list_brings_what_its_members_have_in_the_home_and_follows_its_changes(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_service.live_sources.LIST_SECONDS", 0.0)
    async with socket(address, f"&stream=list&list={LIST}") as websocket:
        await eventually(lambda: BOB in world.subscribed)
        assert BOB not in world.listening  # no notifications
        world.updates.put_nowait(at_home(world.post(1, CAROL), CAROL))
        world.updates.put_nowait(at_home(world.post(2, ALICE)))
        assert await received(websocket) == (["list", str(LIST)], "update", "2")
        world.lists[LIST] = {CAROL}
        world.updates.put_nowait(at_home(world.post(3, ALICE)))
        world.updates.put_nowait(at_home(world.post(4, CAROL), CAROL))
        assert (await received(websocket))[2] == "4"
        del world.lists[LIST]
        await say(websocket, "subscribe", "user")
        await eventually(lambda: BOB in world.listening)
        for entry_id in (5, 6):
            world.updates.put_nowait(at_home(world.post(entry_id, CAROL), CAROL))
            assert await received(websocket) == (["user"], "update", str(entry_id))


async def test_an_exclusive_list_has_what_the_home_has_not(world: World, address: str) -> None:
    world.follow(BOB, ALICE, exclusively_listed=True)
    async with socket(address, f"&stream=list&list={LIST}") as websocket:
        await say(websocket, "subscribe", "user")
        await eventually(lambda: BOB in world.listening)
        world.updates.put_nowait(at_home(world.post(1, ALICE)))
        world.updates.put_nowait(at_home(world.post(2, CAROL), CAROL))
        told = sorted([await received(websocket) for _ in range(2)])
        assert told == [(["list", "7"], "update", "1"), (["user"], "update", "2")]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"stream": "hashtag"}, 422),
        ({"stream": "hashtag", "tag": "#"}, 422),
        ({"stream": "hashtag", "tag": "x" * 101}, 422),
        ({"stream": "hashtag", "tag": ["cats"]}, 422),
        ({"stream": "list"}, 422),
        ({"stream": "list", "list": "x"}, 422),
        ({"stream": "list", "list": "9" * 30}, 422),
        ({"stream": "list", "list": "8"}, 404),
        ({"stream": ["user"]}, 400),
    ],
)
async def test_a_stream_that_cannot_be_is_refused_and_the_socket_stays(
    world: World, address: str, message: dict[str, Any], status: int
) -> None:
    async with socket(address) as websocket:
        await websocket.send(json.dumps({"type": "subscribe", **message}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert json.loads(await websocket.recv())["status"] == status
        await say(websocket, "subscribe", "public")
        await eventually(lambda: world.followed == {"public"})


async def test_a_socket_has_only_so_many_streams(world: World, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STREAMS", 2)
    async with socket(address) as websocket:
        for tag in ("a", "b", "b", "c"):
            await say(websocket, "subscribe", "hashtag", tag=tag)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert json.loads(await websocket.recv())["status"] == 400
        await eventually(lambda: world.followed == {"tag:a", "tag:b"})


@pytest.mark.parametrize(
    ("path", "timeline"),
    [
        ("public", "public"),
        ("public/local/", "public"),
        ("public?only_media=true", "public:media"),
        ("public/local?only_media=true", "public:media"),
        ("hashtag?tag=Cats", "tag:cats"),
        ("hashtag/local?tag=Cats", "tag:cats"),
        ("?stream=hashtag&tag=Cats", "tag:cats"),
    ],
)
async def test_what_everybody_sees_arrives_by_server_sent_events(
    world: World, address: str, path: str, timeline: str
) -> None:
    headers = {"authorization": "Bearer bobs-token"}
    async with (
        httpx2.AsyncClient(timeout=PATIENCE_SECONDS, headers=headers, follow_redirects=True) as http,
        http.stream("GET", f"http://{address}/api/v1/streaming/{path}") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == ":)"
        await eventually(lambda: world.followed == {timeline})
        world.public_updates.put_nowait(public(world.post(1, ALICE), timeline))
        seen = [line async for line in _until_data(lines)]
        assert seen[0] == "event: update"
        assert json.loads(seen[1].removeprefix("data: "))["id"] == "1"


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        if line:
            yield line
        if line.startswith("data: "):
            return


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("hashtag", 422),
        ("list?list=x", 422),
        ("list?list=8", 404),
        ("public?only_media=perhaps", 422),
        ("public/remote", 200),
    ],
)
async def test_an_event_stream_that_cannot_be_is_refused(address: str, path: str, status: int) -> None:
    headers = {"authorization": "Bearer bobs-token"}
    async with (
        httpx2.AsyncClient(timeout=PATIENCE_SECONDS, headers=headers) as http,
        http.stream("GET", f"http://{address}/api/v1/streaming/{path}") as answer,
    ):
        assert answer.status_code == status
