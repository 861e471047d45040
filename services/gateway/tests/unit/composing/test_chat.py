"""The chat over a real HTTP server: in order and without a gap, whatever messaging's stream does."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway_service.handshake import Handshake
from gateway_service.hub import Hub
from gateway_service.routers.chat import ChatSockets
from gateway_service.web import build_web
from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import NotFound, Unavailable
from rookery_common.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

BOB, TALK = 102, 7
PATH = "/api/rookery/v1/chat"


class FakeMessaging:
    """One conversation, and a stream that the test feeds."""

    def __init__(self) -> None:
        self.messages: list[pb.Message] = []
        self.subscribed: set[int] = set()
        self.news: asyncio.Queue[pb.StreamMessagesResponse | None] = asyncio.Queue()
        self.away = False

    async def call(self, method: str, request: pb.ListMessagesRequest, *, identity: Identity, **_options: Any) -> Any:
        assert (method, identity.account_id, request.oldest_first) == ("ListMessages", BOB, True)
        if self.away:
            raise Unavailable("messaging is away")
        if request.conversation_id != TALK:
            raise NotFound("there is no such conversation")
        after = request.after_sequence
        return pb.ListMessagesResponse(messages=self.messages[after : after + request.page_size])

    async def stream(self, method: str, requests: AsyncIterator[Any], **_options: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in requests:
                self.subscribed.update(request.subscribe_account_ids)
                self.subscribed.difference_update(request.unsubscribe_account_ids)

        listening = asyncio.create_task(listen())
        try:
            yield pb.StreamMessagesResponse()
            while (response := await self.news.get()) is not None:
                yield response
        finally:
            listening.cancel()
        raise Unavailable("the stream broke")

    def say(self) -> pb.Message:
        """One more message, of which the stream knows nothing yet."""
        sequence = len(self.messages) + 1
        message = pb.Message(message_id=100 + sequence, conversation_id=TALK, sequence=sequence, sender_id=101)
        message.text = f"number {sequence}"
        self.messages.append(message)
        return message

    def tell(self, *messages: pb.Message) -> None:
        """By the stream."""
        deliveries = [pb.MessageDelivery(message=message, account_ids=[BOB]) for message in messages]
        self.news.put_nowait(pb.StreamMessagesResponse(deliveries=deliveries))

    def tell_gap(self) -> None:
        self.news.put_nowait(pb.StreamMessagesResponse(gap_account_ids=[BOB]))


@pytest_asyncio.fixture
async def messaging() -> FakeMessaging:
    return FakeMessaging()


@pytest_asyncio.fixture
async def hub(gateway: Gateway, messaging: FakeMessaging) -> AsyncIterator[Hub]:
    cast(Any, gateway.clients).messaging, own = messaging, gateway.clients.messaging
    hub = Hub(gateway.clients, SystemClock())
    await hub.start()
    yield hub
    await hub.stop()
    gateway.clients.messaging = own


@pytest_asyncio.fixture
async def address(gateway: Gateway, hub: Hub, world: World) -> AsyncIterator[str]:
    world.opaque["bobs-token"] = world.tokens.identity(BOB, session_id=7)
    world.opaque["write-only"] = world.tokens.identity(BOB, scopes=["write"])
    clock = SystemClock()
    handshake = Handshake(gateway.settings, gateway.exchange, clock)
    chat = ChatSockets(hub, gateway.clients, gateway.exchange, handshake, clock)
    listener = socket.create_server(("127.0.0.1", 0))
    web = build_web(gateway.settings, [chat.router])
    server = uvicorn.Server(uvicorn.Config(web, log_config=None, lifespan="off", ws="websockets-sansio"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await running
    listener.close()


@asynccontextmanager
async def listening(messaging: FakeMessaging, address: str) -> AsyncIterator[ClientConnection]:
    """Bob's WebSocket, once messaging knows of it."""
    async with connect(f"ws://{address}{PATH}?access_token=bobs-token") as websocket:
        await eventually(lambda: BOB in messaging.subscribed)
        yield websocket


async def received(websocket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await websocket.recv())
    assert frame.keys() == {"type", "id", "ts", "data"}
    return frame


async def sequences(websocket: ClientConnection, count: int) -> list[int]:
    frames = [await received(websocket) for _ in range(count)]
    assert {frame["type"] for frame in frames} == {"message"}
    return [frame["data"]["sequence"] for frame in frames]


async def test_a_message_arrives_as_it_is_sent(messaging: FakeMessaging, address: str) -> None:
    async with listening(messaging, address) as websocket:
        messaging.tell(messaging.say())
        frame = await received(websocket)
    assert (frame["type"], frame["id"]) == ("message", "101")
    assert frame["ts"].endswith("Z")
    assert (frame["data"]["conversation_id"], frame["data"]["text"]) == ("7", "number 1")
    await eventually(lambda: BOB not in messaging.subscribed)


@pytest.mark.parametrize(
    "options",
    [{"additional_headers": {"Authorization": "Bearer bobs-token"}}, {"subprotocols": ["bobs-token"]}],
)
async def test_a_token_comes_by_header_or_subprotocol_too(
    messaging: FakeMessaging, address: str, options: dict[str, Any]
) -> None:
    async with connect(f"ws://{address}{PATH}", **options):
        await eventually(lambda: BOB in messaging.subscribed)


@pytest.mark.parametrize(("token", "status"), [("nonsense", 401), ("", 401), ("write-only", 403)])
async def test_a_token_that_does_not_hold_is_refused_with_a_problem(address: str, token: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://{address}{PATH}?access_token={token}")
    assert caught.value.response.status_code == status
    assert caught.value.response.headers["content-type"] == "application/problem+json"


async def test_what_comes_twice_or_late_is_put_in_order(messaging: FakeMessaging, address: str) -> None:
    async with listening(messaging, address) as websocket:
        said = [messaging.say() for _ in range(5)]
        messaging.tell(said[0], said[0])
        messaging.tell(said[2])
        messaging.tell(said[1], said[4])
        messaging.tell(said[3])
        last = messaging.say()
        messaging.tell(last)
        assert await sequences(websocket, 6) == [1, 2, 3, 4, 5, 6]


async def test_a_sync_resumes_after_a_sequence(messaging: FakeMessaging, address: str) -> None:
    async with listening(messaging, address) as websocket:
        said = [messaging.say() for _ in range(250)]
        await websocket.send(json.dumps({"type": "sync", "id": "mine", "conversation_id": "7", "after": 3}))
        assert await sequences(websocket, 200) == list(range(4, 204))
        frame = await received(websocket)
        assert (frame["type"], frame["id"]) == ("synced", "mine")
        assert frame["data"] == {"conversation_id": "7", "last_sequence": 203, "more": True}
        messaging.tell(said[249])
        assert await sequences(websocket, 47) == list(range(204, 251))
        await websocket.send(json.dumps({"type": "sync", "conversation_id": "7", "after": 250}))
        assert (await received(websocket))["data"] == {"conversation_id": "7", "last_sequence": 250, "more": False}


@pytest.mark.parametrize("broken", [True, False])
async def test_what_a_gap_swallowed_is_made_up_for(messaging: FakeMessaging, address: str, broken: bool) -> None:
    async with listening(messaging, address) as websocket:
        messaging.tell(messaging.say())
        assert await sequences(websocket, 1) == [1]
        messaging.say()
        messaging.say()
        if broken:
            messaging.news.put_nowait(None)
        else:
            messaging.tell_gap()
        assert await sequences(websocket, 2) == [2, 3]
        assert (await received(websocket))["type"] == "gap"


async def test_a_gap_too_wide_to_fill_is_told(messaging: FakeMessaging, address: str) -> None:
    async with listening(messaging, address) as websocket:
        messaging.tell(messaging.say())
        said = [messaging.say() for _ in range(300)]
        messaging.tell(said[-1])
        assert await sequences(websocket, 201) == list(range(1, 202))
        frame = await received(websocket)
        assert (frame["type"], frame["data"]) == ("gap", {"conversation_id": "7", "after": 201})


async def test_a_conversation_of_others_is_not_found(messaging: FakeMessaging, address: str) -> None:
    async with listening(messaging, address) as websocket:
        await websocket.send(json.dumps({"type": "sync", "id": "x", "conversation_id": "8", "after": 0}))
        frame = await received(websocket)
        assert (frame["type"], frame["id"]) == ("error", "x")
        assert (frame["data"]["status"], frame["data"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "x" * 5000,
        '{"type":"shout","conversation_id":"7"}',
        '{"type":"sync"}',
        '{"type":"sync","conversation_id":7}',
        '{"type":"sync","conversation_id":"99999999999999999999"}',
        '{"type":"sync","conversation_id":"9999999999999999999"}',
        '{"type":"sync","conversation_id":"7","after":-1}',
        '{"type":"sync","conversation_id":"7","after":true}',
        '{"type":"sync","conversation_id":"7","since":1}',
        '{"type":"sync","conversation_id":"7","id":5}',
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered_with_an_error(
    messaging: FakeMessaging, address: str, text: str
) -> None:
    async with listening(messaging, address) as websocket:
        await websocket.send(text)
        frame = await received(websocket)
        assert (frame["type"], frame["data"]["status"]) == ("error", 400)
        messaging.tell(messaging.say())
        assert await sequences(websocket, 1) == [1]


async def test_where_messaging_cannot_be_read_the_client_is_told_to_come_back(
    messaging: FakeMessaging, address: str
) -> None:
    async with listening(messaging, address) as websocket:
        messaging.tell(messaging.say())
        assert await sequences(websocket, 1) == [1]
        messaging.away = True
        await websocket.send(json.dumps({"type": "sync", "conversation_id": "7", "after": 0}))
        assert (await received(websocket))["data"]["status"] == 503
        messaging.say()
        messaging.tell(messaging.say())
        with pytest.raises(ConnectionClosed) as caught:
            await received(websocket)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1013


async def test_a_revoked_session_ends_its_chat(messaging: FakeMessaging, address: str, hub: Hub) -> None:
    async with listening(messaging, address) as websocket:
        hub.close_session(7)
        with pytest.raises(ConnectionClosed) as caught:
            await received(websocket)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4001
