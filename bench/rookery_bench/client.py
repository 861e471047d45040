"""A light HTTP/1.1 client: the machine under test carries its cost too, so it does no more than is needed."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 30.0
LINE_LIMIT = 1 << 20


class ApiError(Exception):
    """An answer other than 2xx, with what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:200].decode(errors='replace')}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        """The body of a 2xx answer; ApiError for any other."""
        if not 200 <= self.status < 300:
            raise ApiError(self.status, self.body)
        return json.loads(self.body)


class Server:
    """Where the API is, and its requests as bytes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an address of a server: {url!r}")
        self.url = url.rstrip("/")
        self.host = parts.hostname
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self._host_header = parts.netloc

    def get(self, path: str, token: str = "") -> bytes:
        return self._head("GET", path, token) + b"\r\n"

    def post(self, path: str, form: Mapping[str, str], token: str = "") -> bytes:
        body = urlencode(form).encode()
        kind = f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
        return self._head("POST", path, token) + kind.encode() + body

    def _head(self, method: str, path: str, token: str) -> bytes:
        bearer = f"authorization: Bearer {token}\r\n" if token else ""
        return f"{method} {path} HTTP/1.1\r\nhost: {self._host_header}\r\naccept: */*\r\n{bearer}".encode()


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> Answer:
        """The answer; OSError or TimeoutError when there is none. A connection that the server left is made anew."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if self._streams is not None and self._streams[0].at_eof():
                self.close()
            try:
                return await self._exchange(request)
            except asyncio.IncompleteReadError as error:
                self.close()
                raise ConnectionError("the server closed the connection before it answered") from error

    async def _exchange(self, request: bytes) -> Answer:
        if self._streams is None:
            server = self._server
            self._streams = await asyncio.open_connection(server.host, server.port, ssl=server.tls, limit=LINE_LIMIT)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length, keep = _read_head(head)
        body = await (_chunks(reader) if length is None else reader.readexactly(length))
        if not keep:
            self.close()
        return Answer(status, body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _read_head(head: bytes) -> tuple[int, int | None, bool]:
    """Status, length (None: in chunks) and whether the connection stays."""
    lines = head.lower().split(b"\r\n")
    status, length, keep = int(lines[0].split(b" ", 2)[1]), 0, True
    chunked = False
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = b"chunked" in value
        elif name == b"connection":
            keep = b"close" not in value
    return status, None if chunked else length, keep


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
