"""The public port: who is believed to have sent a request, readiness, an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway_service.config import Settings
from gateway_service.overload import Gate
from gateway_service.routers.probes import Probes
from gateway_service.routing import Routes
from gateway_service.server import HttpServer, Once
from gateway_service.web import build_web
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.health import Health

Serve = Callable[..., Awaitable[tuple[HttpServer, httpx2.AsyncClient]]]


class Echo:
    """Tells the client's address, and takes its time if asked to."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        routes = Routes("echo")
        routes.get("/address", self.address, "address", "")
        routes.get("/slow", self.slow, "slow", "")
        self.router = routes.router

    async def address(self, request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    async def slow(self, _request: Request) -> Response:
        self.started.set()
        await self.go_on.wait()
        return PlainTextResponse("done")


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def serve(settings: Settings, echo: Echo) -> AsyncIterator[Serve]:
    running: list[tuple[HttpServer, httpx2.AsyncClient]] = []

    async def start(health: Health | None = None, **changed: str) -> tuple[HttpServer, httpx2.AsyncClient]:
        health = health or Health({})
        own = settings.model_copy(update={"http_address": "127.0.0.1:0", **changed})
        gate = Gate(SystemClock())
        server = HttpServer(build_web(own, [echo.router, Probes(health).router], gate), own, health, gate)
        await server.start()
        client = httpx2.AsyncClient(base_url=f"http://{server.address}")
        running.append((server, client))
        return running[-1]

    yield start
    echo.go_on.set()
    for server, client in running:
        await client.aclose()
        await server.stop()


@pytest.mark.parametrize(
    ("trusted", "believed"), [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")]
)
async def test_forwarded_address_is_believed_of_proxies_only(serve: Serve, trusted: str, believed: str) -> None:
    _, client = await serve(trusted_proxies=trusted)
    answer = await client.get("/address", headers={"x-forwarded-for": "203.0.113.9"})
    assert answer.text == believed


async def test_request_under_way_is_finished_when_the_server_stops(serve: Serve, echo: Echo) -> None:
    server, client = await serve()
    request = asyncio.create_task(client.get("/slow"))
    await echo.started.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0.05)
    echo.go_on.set()
    assert (await request).text == "done"
    await stopping
    with pytest.raises(httpx2.ConnectError):
        await httpx2.AsyncClient().get(str(client.base_url))


async def test_readiness_is_told_without_reasons(serve: Serve) -> None:
    async def fail() -> None:
        raise Unavailable("auth at 10.0.0.5 is away")

    _, client = await serve(Health({"auth": fail}))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
    assert (await client.get("/livez")).status_code == 200
    _, healthy = await serve()
    assert (await healthy.get("/readyz")).json() == {"ready": True}


async def test_head_has_no_body(serve: Serve) -> None:
    _, client = await serve()
    answer = await client.head("/livez")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.get("/livez")).content  # The connection is still in order.


async def raw(server: HttpServer, *pieces: bytes) -> bytes:
    """What the server answers until it closes the connection."""
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"x-%d: %s\r\n" % (number, b"a" * 8000) for number in range(40)],
        [b"x: ", *[b"a" * 8000] * 40],
    ],
)
async def test_too_large_a_head_is_refused(serve: Serve, pieces: list[bytes]) -> None:
    server, client = await serve()
    answer = await raw(server, b"GET /livez HTTP/1.1\r\nhost: a\r\n", *pieces)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HTTP/1.1\r\nhost: a\r\n", b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\nGET /l"]
)
async def test_head_that_does_not_come_ends_the_connection(
    serve: Serve, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_service.head_limits.HEAD_SECONDS", 0.5)
    server, _ = await serve()
    answer = await raw(server, sent)
    assert answer.count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")


async def test_large_body_after_its_head_is_not_held_against_it(serve: Serve) -> None:
    _, client = await serve()
    for _ in range(3):
        answer = await client.request("GET", "/livez", content=bytes(300_000))
        assert answer.status_code == 200


async def test_once_passed_is_passed() -> None:
    failing = True

    async def check() -> None:
        if failing:
            raise Unavailable("not yet")

    once = Once(check)
    with pytest.raises(Unavailable):
        await once()
    failing = False
    await once()
    failing = True
    await once()
