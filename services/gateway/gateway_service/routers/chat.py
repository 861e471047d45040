"""/api/rookery/v1/chat: a WebSocket that brings the messages of all conversations of the caller, as they are sent."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gateway_service.auth import TokenExchange
from gateway_service.chat import Chat
from gateway_service.clients import Clients
from gateway_service.connections import ChatFrame, Connection, RefusedFrame
from gateway_service.errors import error_response
from gateway_service.handshake import Handshake
from gateway_service.hub import Hub
from gateway_service.routers.conversations import READ_SCOPE
from gateway_service.routers.streaming import (
    HEARTBEAT_SECONDS,
    MAX_MESSAGE_CHARS,
    run_until_closed,
)
from gateway_service.streams import CHAT
from gateway_service.websockets import close, texts
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID

PATH = "/api/rookery/v1/chat"
MAX_FRAME_ID_CHARS = 64
_FIELDS = frozenset({"type", "id", "conversation_id", "after"})


class ChatSockets:
    """Opens chats. Tokens and tickets are taken as for streams."""

    def __init__(self, hub: Hub, clients: Clients, exchange: TokenExchange, handshake: Handshake, clock: Clock) -> None:
        self._hub = hub
        self._clients = clients
        self._exchange = exchange
        self._handshake = handshake
        self._clock = clock
        self.router = APIRouter()
        self.router.routes.append(WebSocketRoute(PATH, self.socket))

    async def socket(self, websocket: WebSocket) -> None:
        """Refused with an HTTP answer where the token is not good; closed with a code of ours where it ends."""
        try:
            token, identity = await self._handshake.admit(websocket, READ_SCOPE)
            connection = self._hub.open(identity)
        except AppError as error:
            await websocket.send_denial_response(
                error_response(error, websocket.url.path, websocket.scope.get("request_id", ""))
            )
            return
        offered = websocket.scope.get("subprotocols") or ()
        await websocket.accept(subprotocol=token if token in offered else None)
        try:
            self._hub.listen(connection, CHAT)
            chat = Chat(connection, token, self._exchange, self._clients, self._clock)
            await run(websocket, connection, chat)
        finally:
            self._hub.release(connection)


async def run(websocket: WebSocket, connection: Connection, chat: Chat) -> None:
    """Until either side has enough. All frames are sent by one task, so that they stay in order."""

    async def pump() -> None:
        while True:
            for frame in await chat.next(HEARTBEAT_SECONDS):
                await websocket.send_text(frame)

    async def listen() -> None:
        async for text in texts(websocket):
            connection.offer(frame_of(text))

    closing = await run_until_closed(connection, pump(), listen())
    if closing is not None:
        await close(websocket, connection, closing)


def frame_of(text: str) -> ChatFrame | RefusedFrame:
    """What a client says: `{"type": "sync", "conversation_id": "1", "after": 5}`, with an `id` if it likes."""
    try:
        frame: Any = orjson.loads(text) if len(text) <= MAX_MESSAGE_CHARS else None
    except orjson.JSONDecodeError:
        frame = None
    if not isinstance(frame, dict):
        return RefusedFrame("", "The frame is not a JSON object")
    frame_id = frame.get("id", "")
    if not isinstance(frame_id, str) or len(frame_id) > MAX_FRAME_ID_CHARS:
        return RefusedFrame("", f"id must be text of at most {MAX_FRAME_ID_CHARS} characters")
    unknown = frame.keys() - _FIELDS
    if unknown:
        return RefusedFrame(frame_id, "The frame has a field that is not known")
    if frame.get("type") != "sync":
        return RefusedFrame(frame_id, "type must be sync")
    conversation_id, after = _id(frame.get("conversation_id")), frame.get("after", 0)
    if not conversation_id:
        return RefusedFrame(frame_id, "conversation_id must be an id")
    if type(after) is not int or not 0 <= after <= MAX_ID:
        return RefusedFrame(frame_id, "after must be a sequence: a whole number from 0 on")
    return ChatFrame(frame_id, conversation_id, after)


def _id(value: object) -> int:
    """0 for what is no id."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 19:
        return 0
    number = int(value)
    return number if number <= MAX_ID else 0
