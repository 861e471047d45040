from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from rookery_bench.client import ApiError, Connection, Server
from rookery_bench.load import Outcome, closed_loop, paced, whenever
from rookery_bench.people import Account, People, follow
from rookery_bench.processes import Processes, named


@asynccontextmanager
async def answering(answers: Callable[[int], bytes]) -> AsyncIterator[Server]:
    """A server whose n-th answer is what the function gives; an empty one closes the connection."""
    count = iter(range(1 << 62))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError):  # the client has gone
                while await reader.readuntil(b"\r\n\r\n"):
                    answer = answers(next(count))
                    if not answer:
                        break
                    writer.write(answer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Server(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


def plain(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def test_bodies_with_a_length_and_in_chunks_are_read_on_one_connection() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    async with answering(lambda n: chunked if n else plain(200, b'{"id": "1"}')) as server:
        connection = Connection(server)

        assert (await connection.send(server.get("/"))).json() == {"id": "1"}
        assert (await connection.send(server.get("/"))).json() == [1, 2]
        connection.close()


async def test_a_connection_that_the_server_closed_is_an_error_and_then_made_anew() -> None:
    async with answering(lambda n: plain(200, b"[]") if n else b"") as server:
        connection = Connection(server)

        with pytest.raises(ConnectionError, match="before it answered"):
            await connection.send(server.get("/"))
        assert (await connection.send(server.get("/"))).json() == []
        connection.close()


async def test_an_error_answer_says_what_the_server_said() -> None:
    async with answering(lambda _: plain(422, b'{"error": "Text is too long"}')) as server:
        connection = Connection(server)

        with pytest.raises(ApiError, match=r"422: .*Text is too long"):
            (await connection.send(server.get("/"))).json()
        connection.close()


async def test_a_closed_loop_counts_answers_and_errors_apart() -> None:
    async with answering(lambda n: plain(429 if n % 4 == 0 else 200, b"{}")) as server:
        outcome = await closed_loop(server, lambda _: server.get("/"), concurrency=2, seconds=1.0)

    assert outcome.done > 0
    assert outcome.errors["429"] > 0
    assert outcome.done > outcome.errors["429"]
    assert outcome.mean_bytes == 2


async def test_a_paced_load_keeps_its_rate_while_answers_are_slow() -> None:
    async with (
        answering(lambda _: plain(200, b"{}")) as server,
        paced(server, lambda _: server.get("/"), per_second=100) as outcome,
    ):
        async with asyncio.timeout(60):
            while outcome.done < 20:  # noqa: ASYNC110 - an outcome tells nobody
                await asyncio.sleep(0.01)

    assert outcome.done <= outcome.seconds * 100 + 1
    assert outcome.seconds > 0.19


def test_percentiles_are_by_nearest_rank() -> None:
    outcome = Outcome(milliseconds=[float(n) for n in range(100, 0, -1)])

    assert outcome.percentile(0.5) == 51.0
    assert outcome.percentile(0.99) == 100.0
    assert Outcome().percentile(0.5) == 0.0


def test_processes_are_named_and_measured() -> None:
    used = Processes(named([f"me={os.getpid()}"]), {}).usage()["me"]

    assert used.cpu_seconds > 0
    assert used.rss_mib >= used.pss_mib > 0


@pytest.mark.parametrize("pair", ["me", "me=x", "=1", "me=999999999"])
def test_a_process_that_is_not_there_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match="not NAME=PID of a running process"):
        named([pair])


@pytest.mark.parametrize("url", ["rookery", "ftp://example.org", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an address of a server"):
        Server(url)


async def test_a_request_is_made_for_each_release() -> None:
    due = asyncio.Semaphore(0)
    async with (
        answering(lambda _: plain(200, b"[]")) as server,
        whenever(server, due, lambda n: server.get(f"/{n}")) as outcome,
    ):
        for _ in range(3):
            due.release()
        async with asyncio.timeout(5):
            while outcome.done < 3:  # noqa: ASYNC110 - an outcome tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert outcome.done == 3


async def test_each_reader_follows_the_author_and_those_next_to_them_unless_they_do() -> None:
    made: list[int] = []

    def answer(number: int) -> bytes:
        made.append(number)
        # One of three readers follows already: all are asked at first how many they follow.
        return plain(200, b'{"following_count": %d}' % (2 if number == 1 else 0))

    async with answering(answer) as server:
        readers = [Account(str(number), "token") for number in (1, 2, 3)]
        done: list[None] = []
        await follow(server, People(Account("9", "token"), readers), 2, lambda: done.append(None))
    assert len(done) == 3
    assert len(made) == 3 + 2 * 2
