"""The Postgres client against a real server: transactions, failures by kind, limits of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
import pytest_asyncio

from rookery_common.clients import postgres_connections
from rookery_common.clients.calls import UnknownOutcome, time_left
from rookery_common.clients.postgres import (
    Conflict,
    Postgres,
    PostgresUnavailable,
    StatementRejected,
    StatementTimeout,
    UniqueViolated,
)
from rookery_common.errors import DeadlineExceeded
from rookery_common.rpc.deadline import deadline


@pytest_asyncio.fixture
async def pg(pg_database: str) -> AsyncIterator[Postgres]:
    client = Postgres(pg_database, pool_size=4, name="test")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("create", "CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL)")
    yield client
    await client.stop()


async def _ids(pg: Postgres) -> list[int]:
    async with pg.read() as connection:
        return [row["id"] for row in await connection.fetch("ids", "SELECT id FROM things ORDER BY id LIMIT 100")]


async def test_a_transaction_commits_when_its_block_ends_well(pg: Postgres) -> None:
    async with pg.transaction() as tx:
        assert await tx.execute("insert", "INSERT INTO things VALUES (1, 1), (2, 2)") == 2
        await tx.executemany("insert", "INSERT INTO things VALUES ($1, $2)", [(3, 3), (4, 4)])
        assert await tx.fetchval("count", "SELECT count(*) FROM things") == 4
    assert await _ids(pg) == [1, 2, 3, 4]


async def test_a_transaction_rolls_back_when_its_block_raises(pg: Postgres) -> None:
    async def fail() -> None:
        async with pg.transaction() as tx:
            await tx.execute("insert", "INSERT INTO things VALUES (1, 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await _ids(pg) == []


async def test_a_transaction_rolls_back_when_its_task_is_cancelled(pg: Postgres) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with pg.transaction() as tx:
            await tx.execute("insert", "INSERT INTO things VALUES (1, 1)")
            inside.set()
            await tx.execute("sleep", "SELECT pg_sleep(10)")

    task = asyncio.create_task(work())
    await inside.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _ids(pg) == []


async def test_a_second_row_of_a_key_names_the_constraint(pg: Postgres) -> None:
    with pytest.raises(UniqueViolated) as caught:
        async with pg.transaction() as tx:
            await tx.execute("insert", "INSERT INTO things VALUES (1, 1), (1, 2)")
    assert caught.value.constraint == "things_pkey"


async def test_ignoring_a_failed_statement_does_not_pass_for_a_commit(pg: Postgres) -> None:
    async def swallow() -> None:
        async with pg.transaction() as tx:
            await tx.execute("insert", "INSERT INTO things VALUES (1, 1)")
            with pytest.raises(UniqueViolated):
                await tx.execute("insert", "INSERT INTO things VALUES (1, 1)")

    with pytest.raises(StatementRejected):
        await swallow()
    assert await _ids(pg) == []


async def test_a_wrong_statement_and_wrong_values_are_defects(pg: Postgres) -> None:
    async with pg.read() as connection:
        with pytest.raises(StatementRejected):
            await connection.fetch("wrong", "SELECT nothing FROM nowhere")
        with pytest.raises(StatementRejected):
            await connection.fetch("wrong", "SELECT id FROM things WHERE id = $1", "one")


async def test_a_serialization_failure_is_a_conflict(pg: Postgres) -> None:
    async with pg.transaction() as tx:
        await tx.execute("insert", "INSERT INTO things VALUES (1, 0)")
    async with pg.transaction("repeatable_read") as one:
        await one.fetchval("read", "SELECT n FROM things WHERE id = 1")
        async with pg.transaction() as other:
            await other.execute("write", "UPDATE things SET n = n + 1 WHERE id = 1")
        with pytest.raises(Conflict):
            await one.execute("write", "UPDATE things SET n = 2 WHERE id = 1")
        await one.execute("rollback", "ROLLBACK AND CHAIN")


async def test_locks_are_had_from_the_beginning_to_the_end(pg: Postgres) -> None:
    async with pg.transaction(locks=[7, -3, 7]):
        for lock in (7, -3):
            with pytest.raises(StatementTimeout):
                async with pg.transaction(locks=[1, lock], patience=0.05):
                    pytest.fail("somebody else has it")
        async with pg.transaction(locks=[1, 8], patience=0.05):
            pass
    async with pg.transaction(locks=[-3, 7], patience=0.05):
        pass


async def test_rows_are_waited_for_as_ever_whatever_the_patience_for_locks(pg: Postgres) -> None:
    async with pg.transaction() as tx:
        await tx.execute("insert", "INSERT INTO things VALUES (1, 0)")
    held = asyncio.Event()

    async def hold() -> None:
        async with pg.transaction() as tx:
            await tx.execute("update", "UPDATE things SET n = 1 WHERE id = 1")
            held.set()
            await asyncio.sleep(0.3)

    holding = asyncio.create_task(hold())
    await held.wait()
    async with pg.transaction(locks=[1], patience=0.05) as tx:
        assert await tx.fetchval("limit", "SHOW lock_timeout") == "5s"
        assert await tx.fetchval("update", "UPDATE things SET n = n + 1 WHERE id = 1 RETURNING n") == 2
    await holding


async def test_locks_wanted_in_different_orders_meet_no_deadlock(pg: Postgres) -> None:
    async def hold(locks: list[int]) -> None:
        async with pg.transaction(locks=locks):
            await asyncio.sleep(0.005)

    await asyncio.gather(*(hold([1, 2, 3] if number % 2 else [3, 2, 1]) for number in range(20)))


async def test_the_deadline_of_the_caller_caps_a_statement(pg: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "time_left", partial(time_left, 60.0))
    async with pg.read() as connection:
        start = time.monotonic()
        with deadline(0.5), pytest.raises(StatementTimeout):
            await connection.fetchval("sleep", "SELECT pg_sleep(60)")
        assert time.monotonic() - start < 30
    assert await _ids(pg) == []


async def test_nothing_is_sent_after_the_deadline(pg: Postgres) -> None:
    with deadline(0), pytest.raises(DeadlineExceeded):
        async with pg.read():
            pass


async def test_a_full_pool_waits_no_longer_than_the_deadline(pg: Postgres) -> None:
    async with pg.read(), pg.read(), pg.read(), pg.read():
        with deadline(0.1), pytest.raises(PostgresUnavailable):
            async with pg.read():
                pass
    await pg.check()


async def test_a_cut_connection_is_unavailable_and_the_next_call_works(pg: Postgres, pg_database: str) -> None:
    async with pg.read() as connection:
        pid = await connection.fetchval("pid", "SELECT pg_backend_pid()")
        await _terminate(pg_database, pid)
        with pytest.raises(PostgresUnavailable):
            await connection.fetchval("one", "SELECT 1")
    await pg.check()


async def test_a_commit_whose_answer_is_lost_has_an_unknown_outcome(pg: Postgres, pg_database: str) -> None:
    async def lose() -> None:
        async with pg.transaction() as tx:
            await tx.execute("insert", "INSERT INTO things VALUES (1, 1)")
            await _terminate(pg_database, await tx.fetchval("pid", "SELECT pg_backend_pid()"))

    with pytest.raises(UnknownOutcome):
        await lose()
    assert await _ids(pg) == []


async def test_a_server_that_is_away_is_unavailable_not_a_failed_start() -> None:
    pg = Postgres("postgresql://nobody@127.0.0.1:1/nothing", name="test")
    await pg.start()
    with pytest.raises(PostgresUnavailable):
        await pg.check()
    await pg.stop()


async def _terminate(dsn: str, pid: int) -> None:
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute("SELECT pg_terminate_backend($1, 10000)", pid)
    finally:
        await admin.close()
    await asyncio.sleep(0.05)


async def test_who_listens_hears_what_is_told_once_it_is_committed(pg: Postgres) -> None:
    async with pg.listening("things") as listening:
        async with pg.transaction() as tx:
            await tx.execute("notify", "NOTIFY things")
            assert await listening.connection.fetchval("alive", "SELECT 1") == 1
            assert not listening.heard.is_set()
        async with asyncio.timeout(30):
            await listening.heard.wait()
    async with pg.read(primary=True) as connection:
        assert await connection.fetch("listened", "SELECT pg_listening_channels()") == []


async def test_a_listening_connection_that_was_cut_says_so_and_another_takes_its_place(pg: Postgres) -> None:
    async with pg.listening("things") as listening:
        pid = await listening.connection.fetchval("pid", "SELECT pg_backend_pid()")
        async with pg.read(primary=True) as connection:
            await connection.fetch("cut", "SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(PostgresUnavailable):
            await listening.connection.fetchval("alive", "SELECT 1")
    async with pg.listening("things") as listening:
        assert await listening.connection.fetchval("alive", "SELECT 1") == 1
