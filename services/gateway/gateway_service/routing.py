"""Routes that hand the request to the endpoint and send its bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from fastapi import APIRouter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway_service.errors import JSON, RecordNotFound, RouteNotFound, SwitchedOff, error_response
from rookery_common.flags import Flag, Flags
from rookery_common.ids import MAX_ID

Endpoint = Callable[[Request], Awaitable[Response]]
Guard = Callable[[], None]
Limit = Callable[[HTTPConnection], Awaitable[None]]


class PlainRoute(Route):
    """One method of one path. FastAPI's own routes parse and serialize at a cost above that of a whole hot request."""

    guard: Guard | None = None
    limit: Limit | None = None

    def __init__(self, method: str, path: str, endpoint: Endpoint, *, name: str, summary: str, tag: str) -> None:
        super().__init__(path, endpoint, name=name)
        self.methods = {method}
        self.operation_id = name
        self.summary = summary
        self.tags = (tag,)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Names the route to whoever counts and logs the request."""
        match, child = super().matches(scope)
        if match != Match.NONE:
            child["route"] = self
        return match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods is None or scope["method"] not in self.methods:
            raise RouteNotFound("Not found")
        if self.guard is not None:
            self.guard()
        request = Request(scope, receive, send)
        if self.limit is not None:
            await self.limit(request)
        response = await self.endpoint(request)
        await response(scope, receive, send)


class Routes:
    """Collects one router's endpoints with their names in the OpenAPI document."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter()
        self._tag = tag

    def get(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("GET", path, endpoint, name, summary)

    def post(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("POST", path, endpoint, name, summary)

    def put(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("PUT", path, endpoint, name, summary)

    def patch(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("PATCH", path, endpoint, name, summary)

    def delete(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("DELETE", path, endpoint, name, summary)

    def _add(self, method: str, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self.router.routes.append(PlainRoute(method, path, endpoint, name=name, summary=summary, tag=self._tag))


def behind(flags: Flags, flag: Flag, router: APIRouter, *, methods: Collection[str] = ()) -> APIRouter:
    """The router, whose routes (those of these methods, if some are named) are refused while the flag is off."""

    def guard() -> None:
        if not flags.on(flag):
            raise SwitchedOff(flag.key)

    for route in router.routes:
        if isinstance(route, PlainRoute) and (not methods or not (route.methods or set()).isdisjoint(methods)):
            route.guard = guard
        elif isinstance(route, WebSocketRoute):
            route.app = _guarded(route.app, guard)
    return router


def _guarded(app: ASGIApp, guard: Guard) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            guard()
        except SwitchedOff as error:
            refusal = error_response(error, scope["path"], scope.get("request_id", ""))
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await app(scope, receive, send)

    return serve


def json_response(body: bytes, headers: dict[str, str] | None = None) -> Response:
    """Ready bytes of JSON."""
    return Response(body, 200, headers, JSON)


def json_array(items: list[bytes], headers: dict[str, str] | None = None) -> Response:
    """A list of ready fragments, joined."""
    return Response(b"[" + b",".join(items) + b"]", 200, headers, JSON)


def path_id(request: Request, name: str = "id") -> int:
    """The id in the path. What is no id names no record."""
    value: str = request.path_params[name]
    if value.isascii() and value.isdigit() and len(value) <= 19:
        number = int(value)
        if 0 < number <= MAX_ID:
            return number
    raise RecordNotFound
