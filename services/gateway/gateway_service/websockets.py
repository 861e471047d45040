"""Both ends of a client's WebSocket: what it says until it goes, and the gateway's last word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_service.connections import Closing, Connection
from gateway_service.metrics import LIVE_LEFT

LAST_WORD_SECONDS: Final = 1.0
# What the server makes of a connection that ends without a client's word, or on which pings are not answered.
_NO_WORD: Final = frozenset({1005, 1006})


async def texts(websocket: WebSocket) -> AsyncIterator[str]:
    """Each of its messages, until it has gone, or says what is not text."""
    while True:
        try:
            yield await websocket.receive_text()
        except KeyError:
            return
        except WebSocketDisconnect as gone:
            LIVE_LEFT.labels("broken" if gone.code in _NO_WORD else "closed").inc()
            return


async def close(websocket: WebSocket, connection: Connection, closing: Closing) -> None:
    """Says why, and when to come back; who does not read, or has gone, does not hear it."""
    try:
        async with asyncio.timeout(LAST_WORD_SECONDS):
            await websocket.close(closing.value.code, connection.reason(closing))
    except (TimeoutError, OSError, RuntimeError):
        return
