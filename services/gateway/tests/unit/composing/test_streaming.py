"""Live streams, over a real HTTP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rookery.auth.v1.auth_service_pb2 import Revocation
from rookery.feed.v1.feed_service_pb2 import TimelineUpdate
from rookery.notification.v1.notification_service_pb2 import StreamNotificationsResponse
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB = 101, 102
Kind = TimelineUpdate.Kind


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    world.account(ALICE, "alice")
    world.account(BOB, "bob")
    world.follow(BOB, ALICE)
    world.opaque["bobs-token"] = world.tokens.identity(BOB, session_id=7)
    world.opaque["write-only"] = world.tokens.identity(BOB, scopes=["write"])


def update(entry_id: int, kind: Any = Kind.KIND_UPDATE) -> TimelineUpdate:
    return TimelineUpdate(kind=kind, entry_id=entry_id, author_id=ALICE, account_ids=[BOB])


@asynccontextmanager
async def listening(world: World, address: str, query: str = "?stream=user", **options: Any) -> Any:
    """Bob's WebSocket, once feed knows of it."""
    async with connect(f"ws://{address}/api/v1/streaming{query}", **options) as websocket:
        await eventually(lambda: BOB in world.subscribed)
        yield websocket


async def received(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await websocket.recv())
    return frame


QUERY = "?stream=user&access_token=bobs-token"
WAYS: dict[str, dict[str, Any]] = {
    "query": {"query": QUERY},
    "header": {"additional_headers": {"Authorization": "Bearer bobs-token"}},
    "subprotocol": {"subprotocols": ["bobs-token"]},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_post_arrives_by_websocket(world: World, address: str, way: str) -> None:
    async with listening(world, address, **WAYS[way]) as websocket:
        world.updates.put_nowait(update(world.post(1, ALICE)))
        frame = await received(websocket)
        assert (frame["stream"], frame["event"]) == (["user"], "update")
        assert json.loads(frame["payload"])["account"]["acct"] == "alice"


async def test_a_socket_listens_from_subscribe_to_unsubscribe(world: World, address: str) -> None:
    async with connect(f"ws://{address}/api/v1/streaming?access_token=bobs-token") as websocket:
        await websocket.send(json.dumps({"type": "subscribe", "stream": "user"}))
        await eventually(lambda: BOB in world.subscribed)
        world.updates.put_nowait(update(world.post(1, ALICE)))
        assert (await received(websocket))["event"] == "update"
        await websocket.send(json.dumps({"type": "unsubscribe", "stream": "user"}))
        await eventually(lambda: BOB not in world.subscribed)


@pytest.mark.parametrize(
    "message", ["[]", "{", '{"type":"subscribe","stream":"nonsense"}', '{"stream":"user"}', "x" * 5000]
)
async def test_a_message_that_makes_no_sense_is_answered_with_an_error(
    world: World, address: str, message: str
) -> None:
    async with listening(world, address, QUERY) as websocket:
        await websocket.send(message)
        assert (await received(websocket))["status"] == 400
        world.updates.put_nowait(update(world.post(1, ALICE)))
        assert (await received(websocket))["event"] == "update"


async def test_deletions_and_edits_arrive_as_what_they_are(world: World, address: str) -> None:
    async with listening(world, address, QUERY) as websocket:
        world.updates.put_nowait(update(world.post(1, ALICE), Kind.KIND_STATUS_UPDATE))
        world.updates.put_nowait(update(2, Kind.KIND_DELETE))
        assert (await received(websocket))["event"] == "status.update"
        assert await received(websocket) == {"stream": ["user"], "event": "delete", "payload": "2"}


async def test_what_the_viewer_may_not_see_is_not_sent(world: World, address: str) -> None:
    world.follow(BOB, ALICE, muting=True)
    async with listening(world, address, QUERY) as websocket:
        world.updates.put_nowait(update(world.post(1, ALICE)))
        world.updates.put_nowait(update(2, Kind.KIND_DELETE))
        assert (await received(websocket))["event"] == "delete"


async def test_a_post_that_is_named_twice_is_sent_once(world: World, address: str) -> None:
    async with listening(world, address, QUERY) as websocket:
        for _ in range(2):
            world.updates.put_nowait(update(world.post(1, ALICE)))
        world.updates.put_nowait(update(2, Kind.KIND_DELETE))
        assert [(await received(websocket))["event"] for _ in range(2)] == ["update", "delete"]


async def test_a_gap_is_filled_from_the_home(world: World, address: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    async with listening(world, address, QUERY) as websocket:
        for entry_id in (later, later + 1):
            world.entry(BOB, world.post(entry_id, ALICE))
        world.updates.put_nowait(update(0, Kind.KIND_GAP))
        seen = [json.loads((await received(websocket))["payload"])["id"] for _ in range(2)]
        assert seen == [str(later), str(later + 1)]


async def test_what_came_while_feed_was_away_is_made_up_for_and_logged_once(world: World, address: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    with capture_logs() as logs:
        async with listening(world, address, QUERY) as websocket:
            world.entry(BOB, world.post(later, ALICE))
            world.updates.put_nowait(Unavailable("Restarting."))
            assert json.loads((await received(websocket))["payload"])["id"] == str(later)
            await eventually(lambda: BOB in world.subscribed)
    told = [each["event"] for each in logs if each.get("method") == "StreamTimelines"]
    assert told == ["upstream.lost", "upstream.heard_again"]


def news(*told: Any, gap: bool = False) -> StreamNotificationsResponse:
    return StreamNotificationsResponse(notifications=told, gap_account_ids=[BOB] if gap else [])


@pytest.mark.parametrize("stream", ["user", "user:notification"])
async def test_a_notification_arrives_by_websocket_once(world: World, address: str, stream: str) -> None:
    query = f"?stream={stream}&access_token=bobs-token"
    async with connect(f"ws://{address}/api/v1/streaming{query}") as websocket:
        await eventually(lambda: BOB in world.listening)
        assert (BOB in world.subscribed) is (stream == "user")
        first, second = world.tell(BOB, 1, ALICE), world.tell(BOB, 2, ALICE)
        world.news.put_nowait(news(first, first))
        world.news.put_nowait(news(second))
        frames = [await received(websocket) for _ in range(2)]
        assert [(frame["stream"], frame["event"]) for frame in frames] == [([stream], "notification")] * 2
        told = [json.loads(frame["payload"]) for frame in frames]
        assert [(each["id"], each["type"], each["account"]["acct"]) for each in told] == [
            ("1", "follow", "alice"),
            ("2", "follow", "alice"),
        ]
    await eventually(lambda: BOB not in world.listening)


async def test_a_socket_with_both_streams_is_told_on_both_until_it_leaves_one(world: World, address: str) -> None:
    async with listening(world, address, QUERY) as websocket:
        await websocket.send(json.dumps({"type": "subscribe", "stream": "user:notification"}))
        await eventually(lambda: BOB in world.listening)
        assert await websocket.ping()
        world.news.put_nowait(news(world.tell(BOB, 1, ALICE)))
        assert [(await received(websocket))["stream"] for _ in range(2)] == [["user"], ["user:notification"]]
        await websocket.send(json.dumps({"type": "unsubscribe", "stream": "user"}))
        await eventually(lambda: BOB not in world.subscribed)
        world.news.put_nowait(news(world.tell(BOB, 2, ALICE)))
        assert (await received(websocket))["stream"] == ["user:notification"]


async def test_a_token_that_may_not_read_notifications_is_told_of_none(world: World, address: str) -> None:
    world.opaque["posts-only"] = world.tokens.identity(BOB, scopes=["read:statuses"])
    async with listening(world, address, "?stream=user&access_token=posts-only") as websocket:
        world.news.put_nowait(news(world.tell(BOB, 1, ALICE)))
        await asyncio.sleep(0.1)
        world.updates.put_nowait(update(world.post(1, ALICE)))
        assert (await received(websocket))["event"] == "update"
        await websocket.send(json.dumps({"type": "subscribe", "stream": "user:notification"}))
        assert (await received(websocket))["status"] == 401


@pytest.mark.parametrize("cause", ["gap", "break"])
async def test_notifications_that_were_missed_are_made_up_for(world: World, address: str, cause: str) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    async with listening(world, address, QUERY) as websocket:
        await eventually(lambda: BOB in world.listening)
        for number in (1, later, later + 1):
            world.tell(BOB, number, ALICE)
        world.news.put_nowait(news(gap=True) if cause == "gap" else Unavailable("Restarting."))
        seen = [json.loads((await received(websocket))["payload"])["id"] for _ in range(2)]
        assert seen == [str(later), str(later + 1)]


async def test_notifications_arrive_by_server_sent_events(world: World, address: str) -> None:
    async with httpx2.AsyncClient(headers={"authorization": "Bearer bobs-token"}) as http:
        url = f"http://{address}/api/v1/streaming/user/notification"
        async with http.stream("GET", url) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ":)"
            await eventually(lambda: BOB in world.listening)
            world.news.put_nowait(news(world.tell(BOB, 1, ALICE)))
            seen = await take(lines, 2)
            assert seen[0] == "event: notification"
            assert json.loads(seen[1].removeprefix("data: "))["id"] == "1"


@pytest.mark.parametrize(("token", "status"), [("", 401), ("nonsense", 401), ("write-only", 403)])
async def test_a_stream_without_a_good_token_is_refused(address: str, token: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"ws://{address}/api/v1/streaming?stream=user&access_token={token}"):
            raise AssertionError
    assert caught.value.response.status_code == status
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://{address}/api/v1/streaming/user?access_token={token}")
    assert answer.status_code == status
    assert "error" in answer.json()


@pytest.mark.parametrize("revocation", [Revocation(session_id=7, account_id=BOB), Revocation(account_id=BOB)])
async def test_a_revoked_session_s_stream_ends(
    world: World, gateway: Gateway, address: str, revocation: Revocation
) -> None:
    await eventually(gateway.revocations.fresh)
    async with listening(world, address, QUERY) as websocket:
        del world.opaque["bobs-token"]
        world.revocations.put_nowait(revocation)
        with pytest.raises(ConnectionClosed) as caught:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await websocket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4001
    await eventually(lambda: BOB not in world.subscribed)


async def test_events_arrive_by_server_sent_events(world: World, address: str) -> None:
    async with httpx2.AsyncClient() as http:
        url = f"http://{address}/api/v1/streaming/user"
        async with http.stream("GET", url, headers={"authorization": "Bearer bobs-token"}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == ":)"
            await eventually(lambda: BOB in world.subscribed)
            world.updates.put_nowait(update(world.post(1, ALICE)))
            seen = await take(lines, 2)
            assert seen[0] == "event: update"
            assert json.loads(seen[1].removeprefix("data: "))["id"] == "1"
    await eventually(lambda: BOB not in world.subscribed)


async def take(lines: AsyncIterator[str], number: int) -> list[str]:
    """The next lines that are not empty."""
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in lines:
            if line:
                seen.append(line)
            if len(seen) == number:
                break
    return seen


async def test_silence_is_filled_with_heartbeats(world: World, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_service.routers.streaming.HEARTBEAT_SECONDS", 0.05)
    async with httpx2.AsyncClient() as http:
        url = f"http://{address}/api/v1/streaming?stream=user&access_token=bobs-token"
        async with http.stream("GET", url) as answer:
            assert await take(answer.aiter_lines(), 3) == [":)", ":thump", ":thump"]


async def test_a_token_that_ends_ends_its_stream(
    world: World, gateway: Gateway, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_service.routers.streaming.HEARTBEAT_SECONDS", 0.05)
    async with listening(world, address, QUERY) as websocket:
        del world.opaque["bobs-token"]
        gateway.exchange.forget(7)  # as when what was cached expires
        with pytest.raises(ConnectionClosed) as caught:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await websocket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4001


async def test_when_this_replica_stops_clients_are_sent_elsewhere(world: World, gateway: Gateway, address: str) -> None:
    async with listening(world, address, QUERY) as websocket:
        await gateway.hub.stop()
        with pytest.raises(ConnectionClosed) as caught:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await websocket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012


async def test_a_client_that_comes_back_is_sent_what_it_has_not_seen(world: World, address: str) -> None:
    seen = lowest_id_at(SystemClock().unix_ms() - 60_000)
    for entry_id in (seen, seen + (30_000 << 22)):
        world.entry(BOB, world.post(entry_id, ALICE))
    async with listening(world, address, f"{QUERY}&last_event_id={seen}") as websocket:
        ids = {json.loads((await received(websocket))["payload"])["id"] for _ in range(2)}
    assert str(seen + (30_000 << 22)) in ids


async def test_a_browser_comes_back_with_the_last_id_that_it_was_sent(world: World, address: str) -> None:
    now = SystemClock().unix_ms()
    old, new = (world.post(lowest_id_at(now - age), ALICE) for age in (120_000, 60_000))
    for entry_id in (old, new):
        world.entry(BOB, entry_id)
    headers = {"Authorization": "Bearer bobs-token", "Last-Event-ID": str(lowest_id_at(now - 90_000))}
    async with (
        httpx2.AsyncClient(timeout=5) as http,
        http.stream("GET", f"http://{address}/api/v1/streaming/user", headers=headers) as answer,
    ):
        lines = await take(answer.aiter_lines(), 4)
    assert f"id: {new}" in lines
    assert f"id: {old}" not in lines


@pytest.mark.parametrize("last", ["x", "-1", "9" * 20, "1.5", "٣"])
async def test_an_id_that_is_none_is_refused(address: str, last: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(
            f"http://{address}/api/v1/streaming/user",
            params={"last_event_id": last},
            headers={"Authorization": "Bearer bobs-token"},
        )
    assert answer.status_code == 422
    assert "last_event_id" in answer.text


async def test_a_ticket_opens_a_stream_once_instead_of_the_token(world: World, address: str) -> None:
    headers = {"Authorization": "Bearer bobs-token"}
    async with httpx2.AsyncClient() as http:
        answer = (await http.post(f"http://{address}/api/rookery/v1/streaming/tickets", headers=headers)).json()
    assert "bobs-token" not in answer["ticket"]
    query = f"?stream=user&ticket={answer['ticket']}"
    async with listening(world, address, query) as websocket:
        world.updates.put_nowait(update(world.post(1, ALICE)))
        assert (await received(websocket))["event"] == "update"
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"ws://{address}/api/v1/streaming{query}"):
            pass
    assert caught.value.response.status_code == 401


async def test_a_ticket_needs_a_user(address: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"http://{address}/api/rookery/v1/streaming/tickets")
    assert answer.status_code == 401


async def test_health_says_ok(address: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://{address}/api/v1/streaming/health")
        assert (answer.status_code, answer.text) == (200, "OK")
        assert (await http.get(f"http://{address}/api/v1/streaming?stream=x")).status_code == 404
