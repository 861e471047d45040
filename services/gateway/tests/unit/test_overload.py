"""Refusing what is too much: before anything is done for it, what matters least first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway_service.config import Settings
from gateway_service.overload import MIN_FOR_ONE, RETRY_AFTER_SECONDS, SHARES, Gate, priority_of
from gateway_service.routers.probes import Probes
from gateway_service.routing import Routes
from gateway_service.server import HttpServer
from gateway_service.shedding import MAX_SKIPPED_BYTES
from gateway_service.web import build_web
from rookery_common.clock import SystemClock
from rookery_common.health import Health
from rookery_common.rpc import Priority
from rookery_common.testing.clock import FakeClock

HOME = b"GET /api/v1/timelines/home HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /api/v1/statuses HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b"
PROBE = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@pytest.fixture
def gate() -> Gate:
    return Gate(SystemClock())


class Work:
    """Routes that count how often they are reached."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        routes = Routes("work")
        routes.get("/api/v1/timelines/home", self.do, "home", "")
        routes.post("/api/v1/statuses", self.do, "create", "")
        routes.post("/oauth/token", self.do, "token", "")
        self.router = routes.router

    async def do(self, request: Request) -> Response:
        self.reached.append(request.url.path)
        return PlainTextResponse("done")


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def server(settings: Settings, gate: Gate, work: Work) -> AsyncIterator[HttpServer]:
    own = settings.model_copy(update={"http_address": "127.0.0.1:0"})
    health = Health({})
    server = HttpServer(build_web(own, [work.router, Probes(health).router], gate), own, health, gate)
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def filled(gate: Gate, share: float) -> AsyncIterator[None]:
    """The gate with so much of its limit in use."""
    used = int(gate.limit * share)
    for _ in range(used):
        gate.enter()
    yield
    for _ in range(used):
        gate.leave("/", 0.0, telling=False)


async def answers(server: HttpServer, *requests: bytes) -> bytes:
    """What comes back on one connection until it is closed."""
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for request in requests:
            writer.write(request)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("method", "target", "priority"),
    [
        (b"POST", b"/oauth/token", Priority.AUTH),
        (b"GET", b"/oauth/authorize?client_id=1", Priority.AUTH),
        (b"POST", b"/api/v1/statuses", Priority.WRITE),
        (b"DELETE", b"/api/v1/statuses/1", Priority.WRITE),
        (b"GET", b"/api/v1/timelines/home?limit=20", Priority.READ),
        (b"GET", b"/api/v2/search?q=/oauth/", Priority.SEARCH),
        (b"GET", b"/api/v1/accounts/search", Priority.SEARCH),
        (b"POST", b"/api/rookery/v1/interactions", Priority.ANALYTICS),
        (b"GET", b"/livez", None),
        (b"GET", b"/api/v1/streaming/user", None),
    ],
)
def test_what_matters_is_known_by_the_first_line(method: bytes, target: bytes, priority: Priority | None) -> None:
    assert priority_of(method, target) is priority


@pytest.mark.parametrize("lowest", [p for p in Priority if p is not Priority.AUTH])
async def test_what_matters_less_is_refused_first(gate: Gate, lowest: Priority) -> None:
    targets = {
        Priority.AUTH: (b"POST", b"/oauth/token"),
        Priority.WRITE: (b"POST", b"/api/v1/statuses"),
        Priority.READ: (b"GET", b"/api/v1/timelines/home"),
        Priority.SEARCH: (b"GET", b"/api/v2/search"),
        Priority.ANALYTICS: (b"POST", b"/api/rookery/v1/interactions"),
    }
    async with filled(gate, SHARES[lowest] + 0.01):
        refused = {priority for priority, line in targets.items() if gate.refusal(*line)}
    assert refused == {priority for priority in Priority if priority >= lowest}


async def test_a_refusal_says_when_to_come_back_and_keeps_the_connection(server: HttpServer, gate: Gate) -> None:
    async with filled(gate, 0.9):
        answer = await answers(server, HOME, HOME, PROBE)
    assert answer.count(b"HTTP/1.1 503 ") == 2
    assert b'{"error":"There was a temporary problem' in answer
    assert {b"retry-after: %d\r\n" % each in answer for each in RETRY_AFTER_SECONDS} == {True, False}
    assert b"HTTP/1.1 200 OK" in answer  # the probe, on the same connection


async def test_what_is_refused_reaches_no_route(server: HttpServer, gate: Gate, work: Work) -> None:
    async with filled(gate, 0.9):
        await answers(server, HOME, POST % (4, b"a=bc"), PROBE)
    assert work.reached == ["/api/v1/statuses"]


async def test_sign_in_goes_on_while_everything_else_is_refused(server: HttpServer, gate: Gate, work: Work) -> None:
    sign_in = b"POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"
    async with filled(gate, 0.97):
        answer = await answers(server, HOME, POST % (4, b"a=bc"), sign_in, PROBE)
    assert answer.count(b"HTTP/1.1 503 ") == 2
    assert work.reached == ["/oauth/token"]


async def test_a_refused_body_is_read_past(server: HttpServer, gate: Gate) -> None:
    async with filled(gate, 0.97):
        answer = await answers(server, POST % (30_000, b"x" * 30_000), PROBE)
    assert answer.count(b"HTTP/1.1 503 ") == 1
    assert b"HTTP/1.1 200 OK" in answer


async def test_a_refused_body_that_is_too_long_ends_the_connection(server: HttpServer, gate: Gate) -> None:
    size = MAX_SKIPPED_BYTES * 4
    async with filled(gate, 0.97):
        try:
            answer = await answers(server, POST % (size, b"x" * size))
        except ConnectionError:
            answer = b""
    assert b"200 OK" not in answer


async def test_our_own_routes_are_refused_in_their_own_form(gate: Gate) -> None:
    async with filled(gate, 1.0):
        answer = gate.refusal(b"GET", b"/api/rookery/v1/conversations") or b""
    assert b"content-type: application/problem+json\r\n" in answer
    assert b'"code":"OVERLOADED"' in answer


async def test_served_requests_give_their_places_back(server: HttpServer, gate: Gate, work: Work) -> None:
    await answers(server, *[HOME] * 5, PROBE)
    assert len(work.reached) == 5
    assert gate.refusal(b"POST", b"/api/rookery/v1/interactions") is None
    assert gate._limiter.in_flight == 0


def test_one_service_is_waited_for_by_some_and_never_by_all(clock: FakeClock) -> None:
    gate = Gate(clock)
    assert MIN_FOR_ONE <= gate.for_one_dependency() < gate.limit * SHARES[Priority.READ]


def test_the_limit_falls_when_requests_take_longer_but_not_when_a_dependency_fails(clock: FakeClock) -> None:
    gate = Gate(clock)

    def serve(seconds: float, *, telling: bool) -> float:
        for _ in range(40):
            for _ in range(20):
                gate.enter()
            for _ in range(20):
                gate.leave("/home", seconds, telling=telling)
            clock.advance(0.3)
        return gate.limit

    usual = serve(0.005, telling=True)
    assert serve(3.0, telling=False) == usual
    assert serve(0.5, telling=True) < usual
