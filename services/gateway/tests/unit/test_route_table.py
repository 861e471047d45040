"""The table finds what trying every route in turn would find."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Scope

from gateway_service.route_table import RouteTable
from gateway_service.routing import Routes

ODD = [
    *("/", "", "//", "/api", "/api/v1/statuses/", "/api/v1/statuses//context", "/api/v1/statuses/1/2/3/4"),
    *("/assets/a/b", "/%2e"),
]


def scope_of(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


def first(routes: list[BaseRoute], method: str, path: str) -> BaseRoute | None:
    """The route that takes the request, when each is tried in turn."""
    return next((route for route in routes if route.matches(scope_of(method, path))[0] is Match.FULL), None)


@pytest.fixture
def table(web: ASGIApp) -> RouteTable:
    """That of the whole application."""
    app: Any = web
    while not hasattr(app, "router"):
        app = app._app
    assert isinstance(app.router, RouteTable)
    return app.router


def test_every_path_finds_the_route_that_trying_all_would_find(table: RouteTable) -> None:
    paths = [re.sub(r"{[^}]+}", value, route.path) for route in table.routes for value in ("7", "x.y")]  # type: ignore[attr-defined]
    for path in [*paths, *ODD]:
        candidates = [route for _, route in table._candidates(path)]
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert first(candidates, method, path) is first(table.routes, method, path), (method, path)
    assert max(len(table._candidates(path)) for path in paths) <= 12


def test_a_path_of_which_no_part_varies_is_looked_up(table: RouteTable) -> None:
    for (method, path), (route, child) in table._fixed.items():
        assert route is first(table.routes, method, path), (method, path)
        assert child["path_params"] == {}
    assert ("GET", "/api/v1/timelines/home") in table._fixed
    assert ("GET", "/api/v1/accounts/{id}") not in table._fixed


async def answer(table: RouteTable, method: str, path: str) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await table(scope_of(method, path), receive, send)
    return sent[0]["status"], sent[1]["body"]


def named(name: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(f"{name} {request.path_params}")

    return endpoint


async def test_of_routes_that_take_the_same_path_the_first_has_it() -> None:
    routes = Routes("things")
    routes.get("/things/{id}", named("one"), "one", "")
    routes.get("/things/special", named("special"), "special", "")
    routes.get("/files/{name:path}", named("file"), "file", "")
    table = RouteTable(routes.router.routes)
    assert await answer(table, "GET", "/things/special") == (200, b"one {'id': 'special'}")
    assert await answer(table, "GET", "/files/a/b/c") == (200, b"file {'name': 'a/b/c'}")
    assert (await answer(table, "GET", "/things"))[0] == 404
