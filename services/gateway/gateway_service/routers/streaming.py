"""/api/v1/streaming: timelines and notifications as they happen, by server-sent events or WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_service.auth import TokenExchange, bearer_token
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compositions import Compositions
from gateway_service.connections import Closing, Connection
from gateway_service.errors import RouteNotFound, error_response, http_status
from gateway_service.handshake import Handshake, seen_id
from gateway_service.hub import Hub
from gateway_service.live import Live
from gateway_service.live_sources import Frame
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.conversations import moment
from gateway_service.streams import STREAMS, Stream, named_stream
from gateway_service.websockets import LAST_WORD_SECONDS, close, texts
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unauthenticated

PATH = "/api/v1/streaming"
TICKETS_PATH = "/api/rookery/v1/streaming/tickets"
HEARTBEAT_SECONDS = 15.0
MAX_MESSAGE_CHARS = 4_096
MAX_STREAMS = 64
_OPENING = b":)\n\n"
_HEARTBEAT = b":thump\n\n"


class Streaming:
    """Opens streams. A token is taken from the header, the WebSocket's subprotocol or the query, as clients send it,
    or a ticket from the query."""

    def __init__(
        self,
        hub: Hub,
        clients: Clients,
        composer: Composer,
        exchange: TokenExchange,
        handshake: Handshake,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._clients = clients
        self._composer = composer
        self._compositions = Compositions()
        self._exchange = exchange
        self._handshake = handshake
        self._clock = clock
        routes = Routes("streaming")
        routes.get(f"{PATH}/health", self.health, "streaming_health", "Whether streams are served")
        routes.get(f"{PATH}/user", self.events, "streaming_user", "The caller's home, as server-sent events")
        routes.get(f"{PATH}/user/notification", self.events, "streaming_notifications", "What the caller is told")
        routes.get(f"{PATH}/public", self.events, "streaming_public", "All public statuses")
        routes.get(f"{PATH}/public/local", self.events, "streaming_public_local", "The same")
        routes.get(f"{PATH}/public/remote", self.events, "streaming_public_remote", "Of other servers: nothing")
        routes.get(f"{PATH}/hashtag", self.events, "streaming_hashtag", "Public statuses with a hashtag")
        routes.get(f"{PATH}/hashtag/local", self.events, "streaming_hashtag_local", "The same")
        routes.get(f"{PATH}/list", self.events, "streaming_list", "Statuses of those on a list")
        routes.get(f"{PATH}/direct", self.events, "streaming_direct", "Threads of direct posts with something new")
        routes.get(PATH, self.named_events, "streaming_named", "The same, by the name of the stream")
        routes.post(TICKETS_PATH, self.ticket, "streaming_ticket", "A ticket that opens a stream instead of the token")
        self.router: APIRouter = routes.router
        self.router.routes.append(WebSocketRoute(PATH, self.socket))

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("OK")

    async def named_events(self, request: Request) -> Response:
        return await self._events(request, request.query_params.get("stream", ""))

    async def events(self, request: Request) -> Response:
        """The stream that the path names."""
        name = request.url.path.removeprefix(f"{PATH}/").strip("/").replace("/", ":")
        only_media = name.startswith("public") and query_params(request).flag("only_media")
        return await self._events(request, f"{name}:media" if only_media else name)

    async def ticket(self, request: Request) -> Response:
        await self._exchange.require_user(request)
        ticket, ends_ms = self._handshake.tickets.issue(bearer_token(request))
        return json_response(
            orjson.dumps({"ticket": ticket, "expires_at": moment(datetime.fromtimestamp(ends_ms / 1000, UTC))})
        )

    async def _events(self, request: Request, name: str) -> Response:
        params = request.query_params
        stream, since = named_stream(name, params.get("tag"), params.get("list")), seen_id(request)
        token, identity = await self._handshake.admit(request, STREAMS[stream.name])
        connection = self._hub.open(identity)
        live = self._live(connection, token, since)
        try:
            await live.open(stream)
        except BaseException:
            self._hub.release(connection)
            raise
        return EventStream(self._hub, connection, live, stream)

    async def socket(self, websocket: WebSocket) -> None:
        """Refused with an HTTP answer where the token is not good; closed with a code of ours where it ends."""
        scope = STREAMS.get(websocket.query_params.get("stream", ""))
        try:
            since = seen_id(websocket)
            token, identity = await self._handshake.admit(websocket, *([scope] if scope else STREAMS.values()))
            connection = self._hub.open(identity)
        except AppError as error:
            await websocket.send_denial_response(
                error_response(error, websocket.url.path, websocket.scope.get("request_id", ""))
            )
            return
        offered = websocket.scope.get("subprotocols") or ()
        await websocket.accept(subprotocol=token if token in offered else None)
        try:
            await Socket(websocket, self._hub, connection, self._live(connection, token, since)).run()
        finally:
            self._hub.release(connection)

    def _live(self, connection: Connection, token: str, since: int) -> Live:
        parts = (self._composer, self._compositions, self._clients, self._clock)
        return Live(connection, token, self._exchange, *parts, since)


class EventStream(Response):
    """Server-sent events until either side has enough."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, connection: Connection, live: Live, stream: Stream) -> None:
        super().__init__(headers={"cache-control": "private, no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._connection = connection
        self._live = live
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(body: bytes, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        async def pump() -> None:
            await write(_OPENING)
            while True:
                frames = await self._live.next(HEARTBEAT_SECONDS)
                await write(b"".join(map(_event, frames)) or _HEARTBEAT)

        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                continue

        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            self._hub.listen(self._connection, self._stream)
            self._live.catch_up(self._stream)
            closing = await run_until_closed(self._connection, pump(), leave())
            if closing is not None:
                async with asyncio.timeout(LAST_WORD_SECONDS):
                    await write(b"retry: %d\n\n" % (self._connection.return_seconds * 1000), more=False)
        except (TimeoutError, OSError):
            return  # who does not read does not hear the end either
        finally:
            self._hub.release(self._connection)


class Socket:
    """One WebSocket, after it was accepted: which streams it wants, and what they bring."""

    def __init__(self, websocket: WebSocket, hub: Hub, connection: Connection, live: Live) -> None:
        self._websocket = websocket
        self._hub = hub
        self._connection = connection
        self._live = live

    async def run(self) -> None:
        """Until either side has enough."""
        params = self._websocket.query_params
        if params.get("stream"):
            await self._change({**params, "type": "subscribe"})
        closing = await run_until_closed(self._connection, self._pump(), self._listen())
        if closing is not None:
            await close(self._websocket, self._connection, closing)

    async def _pump(self) -> None:
        while True:
            for frame in await self._live.next(HEARTBEAT_SECONDS):
                for stream in frame.streams:
                    await self._websocket.send_text(_message(frame, stream))

    async def _listen(self) -> None:
        async for text in texts(self._websocket):
            await self._take(text)

    async def _take(self, text: str) -> None:
        try:
            message: Any = orjson.loads(text) if len(text) <= MAX_MESSAGE_CHARS else None
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            await self._refuse("The message is not a JSON object")
            return
        await self._change(message)

    async def _change(self, message: Mapping[str, Any]) -> None:
        """Subscribes or unsubscribes, or says why not."""
        try:
            stream = named_stream(message.get("stream"), message.get("tag"), message.get("list"))
            kind = message.get("type")
            if not self._connection.identity.has_scope(STREAMS[stream.name]):
                await self._refuse("Access token does not have the required scopes", 401)
            elif kind == "subscribe":
                await self._subscribe(stream)
            elif kind == "unsubscribe":
                self._hub.unlisten(self._connection, stream)
                self._live.close(stream)
            else:
                await self._refuse("Unknown message type")
        except RouteNotFound:
            await self._refuse("Unknown stream type")
        except AppError as error:
            await self._refuse(str(error), http_status(error))

    async def _subscribe(self, stream: Stream) -> None:
        if len(self._connection.streams) >= MAX_STREAMS and stream not in self._connection.streams:
            await self._refuse(f"A socket has at most {MAX_STREAMS} streams")
            return
        await self._live.open(stream)
        self._hub.listen(self._connection, stream)
        self._live.catch_up(stream)

    async def _refuse(self, why: str, status: int = 400) -> None:
        await self._websocket.send_text(orjson.dumps({"error": why, "status": status}).decode())


async def run_until_closed(
    connection: Connection, pump: Coroutine[Any, Any, None], listen: Coroutine[Any, Any, None]
) -> Closing | None:
    """Runs both until the client leaves (None), or the gateway has to end it: then says why."""
    pumping, listening = asyncio.create_task(pump), asyncio.create_task(listen)
    try:
        ends: set[asyncio.Future[Any]] = {pumping, listening, connection.closed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pumping.cancel()
        listening.cancel()
        results = await asyncio.gather(pumping, listening, return_exceptions=True)
    if connection.closed.done():
        return connection.closed.result()
    return _closing_of(results[0])


def _closing_of(result: object) -> Closing | None:
    """What the end of the pump means: an AppError is told to the client, a broken connection to nobody."""
    if isinstance(result, Unauthenticated):
        return Closing.REVOKED
    if isinstance(result, AppError):
        return Closing.UNAVAILABLE
    if isinstance(result, Exception) and not isinstance(result, OSError | WebSocketDisconnect):
        raise result
    return None


def _event(frame: Frame) -> bytes:
    """With its id, if it has one: a browser names the last when it comes back."""
    number = b"id: %d\n" % frame.id if frame.id else b""
    return b"event: %b\ndata: %b\n%b\n" % (frame.event.encode(), frame.payload, number)


def _message(frame: Frame, stream: Stream) -> str:
    """The payload is JSON in a string."""
    body = {"stream": stream.label, "event": frame.event, "payload": frame.payload.decode()}
    return orjson.dumps(body).decode()
