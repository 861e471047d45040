"""Routes that hand the request to the endpoint and send its bytes, documented like any of FastAPI's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway_service.errors import JSON, RecordNotFound, RouteNotFound, SwitchedOff, error_response
from rookery_common.flags import Flag, Flags
from rookery_common.ids import MAX_ID

Endpoint = Callable[[Request], Awaitable[Response]]
Guard = Callable[[], None]
Limit = Callable[[HTTPConnection], Awaitable[None]]
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


class PlainRoute(APIRoute):
    """Skips FastAPI's parsing and serialization, which cost more than the rest of a hot request together."""

    guard: Guard | None = None
    limit: Limit | None = None

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
        self.router = APIRouter(route_class=PlainRoute)
        self._tag = tag

    def get(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("GET", path, endpoint, name, summary)

    def post(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("POST", path, endpoint, name, summary)

    def put(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("PUT", path, endpoint, name, summary)

    def delete(self, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        self._add("DELETE", path, endpoint, name, summary)

    def _add(self, method: str, path: str, endpoint: Endpoint, name: str, summary: str) -> None:
        parameters = [
            {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
            for parameter in _PARAMETER.findall(path)
        ]
        extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
        self.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            name=name,
            operation_id=name,
            summary=summary,
            tags=[self._tag],
            openapi_extra=extra,
            response_model=None,
        )


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
