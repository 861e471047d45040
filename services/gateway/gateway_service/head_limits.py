"""Limits on a request's head: uvicorn's parser would take as many bytes of headers, for as long, as a client sends."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway_service.joined_writes import JoinedWrites

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
# The parser takes 0.9 and versions to come, which proxies read in other ways than it does.
_VERSIONS = frozenset({"1.0", "1.1"})
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class LimitedHttp(HttpToolsProtocol):
    """Ends a connection whose head is too large, or too slow; a head that comes in one piece costs nothing more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True  # From the start: who connects and says nothing is as slow as can be.
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, JoinedWrites(transport, self.loop)))
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_REFUSAL)
            self.transport.close()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self.head_is_complete()
        if self.parser.get_http_version() not in _VERSIONS:
            raise HttpParserError("another version of HTTP")  # answered 400
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Messages are written one by one: nothing would be joined."""
        self.transport = cast(JoinedWrites, self.transport).transport
        super().handle_websocket_upgrade()

    def head_is_complete(self) -> None:
        """What comes now is no part of it."""
        self._in_head = False
        self._stop_timer()

    def _give_up(self) -> None:
        self._head_timer = None
        if self._in_head:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
