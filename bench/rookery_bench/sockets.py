"""WebSockets as a server's clients hold them: opened by the hundred, read with as little work as can be."""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rookery_bench.client import Server
from rookery_bench.load import Outcome
from rookery_bench.people import Account
from rookery_bench.scenarios import Bench

SOCKETS_PER_ACCOUNT = 30
OPENING_AT_ONCE = 50
BUFFER_BYTES = 64 * 1024
_TEXT, _CLOSE, _PING = 1, 8, 9


@dataclass(frozen=True)
class Socket:
    """An open stream of an account."""

    account: Account
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@contextmanager
def as_many_files_as_allowed() -> Iterator[int]:
    """Raises the process's limit of open files to what it may be; how many sockets that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard - 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def open_all(bench: Bench, wanted: int, outcome: Outcome, limit: int = 1024) -> list[Socket]:
    """Streams of the readers in turn; the milliseconds are of each opening."""
    readers, numbers, opened = bench.people.readers, iter(range(wanted)), list[Socket]()

    async def work() -> None:
        for number in numbers:
            begun = time.perf_counter()
            try:
                opened.append(await _open(bench.server, readers[number % len(readers)], limit))
            except (OSError, asyncio.IncompleteReadError) as error:
                outcome.errors[type(error).__name__] += 1
            else:
                outcome.milliseconds.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(work() for _ in range(OPENING_AT_ONCE)))
    return opened


def close_all(sockets: Sequence[Socket]) -> None:
    for socket in sockets:
        socket.writer.close()


async def notifications(socket: Socket) -> AsyncIterator[dict[str, Any]]:
    """What the account is told on the stream, until the server closes it."""
    while True:
        try:
            kind, body = await read_frame(socket.reader)
        except (OSError, asyncio.IncompleteReadError):
            return
        if kind == _CLOSE:
            return
        if kind == _PING:
            socket.writer.write(pong(body))
        elif kind == _TEXT and b'"notification"' in body:
            message = json.loads(body)
            if message.get("event") == "notification":
                yield json.loads(message["payload"])


def pong(body: bytes) -> bytes:
    """The answer to a ping: servers close a connection on which its body does not come back. Masked with zeros."""
    return bytes((0x8A, 0x80 | len(body))) + bytes(4) + body


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and body of the next frame of a server (RFC 6455): never masked, and never in parts here."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    return head[0] & 0x0F, await reader.readexactly(length)


async def _open(server: Server, account: Account, limit: int) -> Socket:
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=server.tls, limit=limit)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    upgrade = (
        f"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
    )
    writer.write(server.get("/api/v1/streaming?stream=user", account.token).removesuffix(b"\r\n") + upgrade.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in answer.split(b"\r\n")[0]:
        writer.close()
        raise ConnectionError(answer.split(b"\r\n")[0].decode(errors="replace"))
    return Socket(account, reader, writer)
