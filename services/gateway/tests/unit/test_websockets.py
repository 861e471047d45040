"""How clients go, over a real server: by a word of theirs, or by a connection that breaks or leaves pings alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn
from starlette.websockets import WebSocket

from gateway_service.metrics import LIVE_LEFT
from gateway_service.websockets import texts

PING_SECONDS, WITHIN_SECONDS = 0.2, 10.0
_UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_GOING_AWAY = b"\x88\x82" + bytes(4) + (1001).to_bytes(2, "big")


class Heard:
    """What clients said."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.left = asyncio.Semaphore(0)
        self.address = ("127.0.0.1", 0)

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        websocket = WebSocket(scope, receive, send)  # type: ignore[arg-type]  # as the server gives them
        await websocket.accept()
        async for text in texts(websocket):
            self.texts.append(text)
        self.left.release()


@pytest_asyncio.fixture
async def heard() -> AsyncIterator[Heard]:
    heard = Heard()
    config = uvicorn.Config(
        heard,
        log_config=None,
        lifespan="off",
        ws="websockets-sansio",
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard.address = listening.getsockname()
        serving = asyncio.create_task(server.serve([listening]))
        yield heard
        server.should_exit = True
        await serving


async def _opened(heard: Heard) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection(*heard.address)
    writer.write(_UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    return writer


def _left() -> dict[str, float]:
    return {how: LIVE_LEFT.labels(how)._value.get() for how in ("closed", "broken")}


async def test_who_says_so_has_closed_it(heard: Heard) -> None:
    before = _left()
    writer = await _opened(heard)
    writer.write(b"\x81\x82" + bytes(4) + b"hi" + _GOING_AWAY)
    async with asyncio.timeout(WITHIN_SECONDS):
        await heard.left.acquire()
    writer.close()
    assert heard.texts == ["hi"]
    assert _left() == {"closed": before["closed"] + 1, "broken": before["broken"]}


async def test_who_is_cut_off_or_silent_has_broken_it(heard: Heard) -> None:
    before = _left()
    cut_off, silent = await _opened(heard), await _opened(heard)
    cut_off.transport.abort()
    async with asyncio.timeout(WITHIN_SECONDS):
        for _ in range(2):
            await heard.left.acquire()
    silent.close()
    assert _left() == {"closed": before["closed"], "broken": before["broken"] + 2}
