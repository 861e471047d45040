"""Malformed requests on a raw socket: each is refused or read one way only, and the server goes on serving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway_service.config import Settings
from gateway_service.overload import Gate
from gateway_service.params import read_params
from gateway_service.routing import Routes
from gateway_service.server import HttpServer
from gateway_service.web import build_web
from rookery_common.clock import SystemClock
from rookery_common.health import Health

SECONDS = 20.0
GOOD = b"GET /served HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
POST = b"POST /served HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n"


class Counted:
    """Counts what reaches it, so that a request hidden in another is seen."""

    def __init__(self, limit: int) -> None:
        self.seen: list[str] = []
        self._limit = limit
        routes = Routes("counted")
        routes.get("/served", self.get, "served", "")
        routes.post("/served", self.post, "served_post", "")
        routes.get("/smuggled", self.smuggled, "smuggled", "")
        self.router = routes.router

    async def get(self, _request: Request) -> Response:
        self.seen.append("get")
        return PlainTextResponse("here")

    async def post(self, request: Request) -> Response:
        params = await read_params(request, self._limit)
        self.seen.append("post " + (params.text("a") or ""))
        return PlainTextResponse("done")

    async def smuggled(self, _request: Request) -> Response:
        self.seen.append("smuggled")
        return PlainTextResponse("gone wrong")


@pytest.fixture
def counted(settings: Settings) -> Counted:
    return Counted(settings.max_body_bytes)


@pytest_asyncio.fixture
async def server(settings: Settings, counted: Counted, request: pytest.FixtureRequest) -> AsyncIterator[HttpServer]:
    health, gate = Health({}), Gate(SystemClock())
    own = settings.model_copy(update={"http_address": "127.0.0.1:0", **getattr(request, "param", {})})
    server = HttpServer(build_web(own, [counted.router], gate), own, health, gate)
    await server.start()
    yield server
    await server.stop()


async def raw(server: HttpServer, request: bytes, *, end: bool = True) -> bytes:
    """What the server answers until it closes the connection; `end`: the client says that it has said all."""
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), SECONDS)
    except (ConnectionError, BrokenPipeError):
        return b""
    finally:
        writer.close()


def post(headers: bytes, body: bytes = b"") -> bytes:
    return POST + headers + b"\r\n" + body


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
# Each must be refused with a 4xx or a closed connection, and reach no route.
REFUSED = {
    "no request at all": b"\r\n\r\n\r\n",
    "noise": bytes(range(256)),
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /served\r\nhost: a\r\n\r\n",
    "version 0.9": b"GET /served HTTP/0.9\r\nhost: a\r\n\r\n",
    "version 3": b"GET /served HTTP/3.0\r\nhost: a\r\n\r\n",
    "a lower-case version": b"GET /served http/1.1\r\nhost: a\r\n\r\n",
    "no method": b" /served HTTP/1.1\r\nhost: a\r\n\r\n",
    "an unknown method": b"BREW /served HTTP/1.1\r\nhost: a\r\n\r\n",
    "a method in lower case": b"get /served HTTP/1.1\r\nhost: a\r\n\r\n",
    "a blank in the target": b"GET /served /x HTTP/1.1\r\nhost: a\r\n\r\n",
    "NUL in the target": b"GET /ser\x00ved HTTP/1.1\r\nhost: a\r\n\r\n",
    "NUL in a header": b"GET /served HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n",
    "a header without a colon": b"GET /served HTTP/1.1\r\nhost: a\r\nbroken\r\n\r\n",
    "a header without a name": b"GET /served HTTP/1.1\r\nhost: a\r\n: value\r\n\r\n",
    "a blank before the colon": b"GET /served HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n",
    "a bracket in a header's name": b"GET /served HTTP/1.1\r\nhost: a\r\nx(y): z\r\n\r\n",
    "a folded first header": b"GET /served HTTP/1.1\r\n host: a\r\n\r\n",
    "a length that is no number": post(b"content-length: abc\r\n", b"a=1"),
    "a negative length": post(b"content-length: -3\r\n", b"a=1"),
    "a length with a sign": post(b"content-length: +3\r\n", b"a=1"),
    "a hexadecimal length": post(b"content-length: 0x3\r\n", b"a=1"),
    "a length with a comma": post(b"content-length: 3, 3\r\n", b"a=1"),
    "an empty length": post(b"content-length: \r\n", b"a=1"),
    "a length of thirty digits": post(b"content-length: " + b"9" * 30 + b"\r\n", b"a=1"),
    "two lengths": post(b"content-length: 3\r\ncontent-length: 5\r\n", b"a=1"),
    "two lengths alike": post(b"content-length: 3\r\ncontent-length: 3\r\n", b"a=1"),
    "a length and chunks": post(b"content-length: 3\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED),
    "chunks and a length": post(CHUNKED + b"content-length: 40\r\n", b"0\r\n\r\n" + SMUGGLED),
    "an unknown transfer coding": post(b"transfer-encoding: cow\r\n", b"a=1"),
    "chunked, then another coding": post(b"transfer-encoding: chunked, cow\r\n", b"0\r\n\r\n" + SMUGGLED),
    "a coding that looks like chunked": post(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "a chunk's size that is no number": post(CHUNKED, b"zz\r\na=1\r\n0\r\n\r\n"),
    "a chunk's size that is negative": post(CHUNKED, b"-3\r\na=1\r\n0\r\n\r\n"),
    "a chunk's size of thirty digits": post(CHUNKED, b"f" * 30 + b"\r\na=1\r\n0\r\n\r\n"),
    "a chunk without its end": post(CHUNKED, b"3\r\na=1XX0\r\n\r\n"),
    "a body cut short": post(b"content-length: 30\r\n", b"a=1"),
    "chunks cut short": post(CHUNKED, b"3\r\na=1\r\n"),
    "a body that is too large": post(b"content-length: 999999999\r\n", b"a=1"),
    "too large a header": b"GET /served HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
    "too many headers": b"GET /served HTTP/1.1\r\nhost: a\r\n" + b"x: aaaaaaaa\r\n" * 20_000 + b"\r\n",
    "too long a target": b"GET /served?" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
    "an encoded slash in the path": b"GET /ser%2fved HTTP/1.1\r\nhost: a\r\n\r\n",
    "a half encoding in the path": b"GET /served% HTTP/1.1\r\nhost: a\r\n\r\n",
    "bytes that are no UTF-8 in the path": b"GET /served%ff HTTP/1.1\r\nhost: a\r\n\r\n",
    "bytes that are no UTF-8 in the body": post(b"content-length: 5\r\n", b"a=%ff"),
    "NUL in the body": post(b"content-length: 5\r\n", b"a=%00"),
    "an asterisk": b"GET * HTTP/1.1\r\nhost: a\r\n\r\n",
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n",
}


def test_there_are_many_of_them() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
async def test_malformed_request_is_refused_and_reaches_nothing(
    server: HttpServer, counted: Counted, request_bytes: bytes
) -> None:
    answer = await raw(server, request_bytes)
    statuses = [line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert all(status.startswith(b"4") for status in statuses), answer[:200]
    assert counted.seen == []
    assert (await raw(server, GOOD)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "rest", [b"garbage\r\n\r\n", b"GET /smuggled\r\n\r\n", b"\x00" + SMUGGLED, b"3\r\n" + SMUGGLED]
)
async def test_what_follows_a_request_is_read_as_another_or_refused(
    server: HttpServer, counted: Counted, rest: bytes
) -> None:
    answer = await raw(server, post(b"content-length: 3\r\n", b"a=1" + rest), end=False)
    assert answer.count(b"HTTP/1.1 200 ") <= 1
    assert b"HTTP/1.1 400 " in answer
    assert set(counted.seen) <= {"post 1"}


async def test_requests_of_one_connection_are_answered_in_order(server: HttpServer, counted: Counted) -> None:
    chunked = post(CHUNKED, b"1;x=y\r\na\r\n2\r\n=2\r\n0\r\nx: y\r\n\r\n")
    answer = await raw(server, chunked + post(b"content-length: 3\r\n", b"a=3") + GOOD, end=False)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert counted.seen == ["post 2", "post 3", "get"]


@pytest.mark.parametrize("server", [{"write_seconds": 0.3}], indirect=True)
async def test_slow_body_is_given_up(server: HttpServer, counted: Counted) -> None:
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(post(b"content-length: 30\r\n", b"a=1"))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), SECONDS)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert counted.seen == []
    writer.close()
