"""The CQL client behind a network that loses answers: what was written is not known, and that is what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from rookery_common.clients.calls import STATEMENT_SECONDS, UnknownOutcome
from rookery_common.clients.cassandra import Cql, CqlUnavailable
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.config import CqlSettings
from rookery_common.rpc.deadline import deadline

STATEMENTS = {
    "write": "INSERT INTO things (id, note) VALUES (?, ?)",
    "claim": "INSERT INTO things (id, note) VALUES (?, ?) IF NOT EXISTS",
    "read": "SELECT note FROM things WHERE id = ?",
}


@pytest.fixture
def statement_seconds() -> float:
    return STATEMENT_SECONDS


class Proxy:
    """Passes bytes on in both directions; while `mute`, what the server says is held back."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._audible = asyncio.Event()
        self._audible.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mute(self) -> None:
        self._audible.clear()

    def unmute(self) -> None:
        self._audible.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        for source, sink, muted in ((reader, up_writer, False), (up_reader, writer, True)):
            task = asyncio.create_task(self._pump(source, sink, muted))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, muted: bool) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if muted:
                    await self._audible.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest_asyncio.fixture
async def proxy(shared_cql_keyspace: CqlSettings) -> AsyncIterator[Proxy]:
    proxy = Proxy(shared_cql_keyspace.cql_hosts.split(",")[0], shared_cql_keyspace.cql_port)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest_asyncio.fixture
async def cql(shared_cql_keyspace: CqlSettings, proxy: Proxy, tmp_path: Path) -> AsyncIterator[Cql]:
    schema = "CREATE TABLE IF NOT EXISTS things (id bigint PRIMARY KEY, note text);\n"
    (tmp_path / "20260101T0900_create_things.cql").write_text(schema)
    await migrate_cql(shared_cql_keyspace, tmp_path)
    client = Cql(shared_cql_keyspace.model_copy(update={"cql_port": proxy.port}), "test", STATEMENTS)
    await client.start()
    yield client
    proxy.unmute()
    await client.stop()


async def _note(cql: Cql, id_: int) -> str:
    rows = await cql.execute("read", (id_,), serial=True)
    return str(rows[0].note)


async def test_a_write_whose_answer_is_lost_is_not_reported_as_undone(cql: Cql, proxy: Proxy) -> None:
    proxy.mute()
    start = time.monotonic()
    with deadline(0.5), pytest.raises(UnknownOutcome):
        await cql.execute("write", (1, "written"))
    assert time.monotonic() - start < 2 * STATEMENT_SECONDS
    proxy.unmute()
    assert await _note(cql, 1) == "written"


async def test_a_conditional_write_whose_answer_is_lost_is_never_repeated(cql: Cql, proxy: Proxy) -> None:
    proxy.mute()
    with deadline(0.5), pytest.raises(UnknownOutcome):
        await cql.execute_conditional("claim", (2, "first"))
    proxy.unmute()
    assert await _note(cql, 2) == "first"
    applied, row = await cql.execute_conditional("claim", (2, "second"))
    assert not applied
    assert row is not None


async def test_a_write_is_repeated_once_while_there_is_time(cql: Cql, proxy: Proxy) -> None:
    proxy.mute()

    async def heal() -> None:
        await asyncio.sleep(2.2)  # after the first try has given up
        proxy.unmute()

    healing = asyncio.create_task(heal())
    await cql.execute("write", (1, "written"))
    await healing
    assert await _note(cql, 1) == "written"


async def test_a_read_without_an_answer_is_merely_unavailable(cql: Cql, proxy: Proxy) -> None:
    proxy.mute()
    with deadline(0.3), pytest.raises(CqlUnavailable):
        await cql.execute("read", (1,))


async def test_a_caller_that_goes_away_leaves_the_client_in_order(cql: Cql, proxy: Proxy) -> None:
    proxy.mute()
    calls = [asyncio.create_task(cql.execute("read", (1,))) for _ in range(200)]
    await asyncio.sleep(0.1)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    proxy.unmute()
    await cql.execute("write", (1, "written"))
    assert await _note(cql, 1) == "written"
