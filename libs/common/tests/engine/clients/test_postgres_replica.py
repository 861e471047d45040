"""Reads at a real replica: while it keeps up, while its replay is held back, while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio
from rookery_local.postgres_pair import PostgresPair, postgres_pair

from rookery_common.clients import postgres_replica
from rookery_common.clients.postgres import Postgres, PostgresUnavailable
from rookery_common.clients.postgres_access import PgAccess
from rookery_common.clients.postgres_connections import Pool
from rookery_common.clients.postgres_replica import replica_of
from rookery_common.testing.engines import unique_name
from rookery_common.testing.waiting import eventually

LAG_SECONDS, LOOK_SECONDS = 1.0, 0.1


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    with postgres_pair() as pair:
        yield pair


@pytest_asyncio.fixture
async def database(pair: PostgresPair) -> str:
    """An empty one's name; it goes with its server."""
    name = unique_name("db")
    await _at(pair.dsn("postgres"), f'CREATE DATABASE "{name}"')
    return name


@pytest_asyncio.fixture
async def pg(pair: PostgresPair, database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres]:
    """A client that reads from the replica by now, and trusts it for less long than a service does."""
    monkeypatch.setattr(postgres_replica, "REPLICA_LAG_SECONDS", LAG_SECONDS)
    monkeypatch.setattr(postgres_replica, "LOOK_SECONDS", LOOK_SECONDS)
    pg = Postgres(pair.dsn(database), pair.replica_dsn(database), pool_size=2, name="test")
    await pg.start()
    async with pg.transaction() as tx:
        await tx.execute("create", "CREATE TABLE things (id int PRIMARY KEY)")
    await eventually(lambda: _reads_at_replica(pg))
    yield pg
    await pg.stop()


async def _at(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=60, command_timeout=60)
    await connection.execute(sql)
    await connection.close()


async def _reads_at_replica(pg: Postgres, *, primary: bool = False) -> bool:
    async with pg.read(primary=primary) as connection:
        return bool(await connection.fetchval("where", "SELECT pg_is_in_recovery()"))


async def _write(pg: Postgres, number: int) -> None:
    async with pg.transaction() as tx:
        await tx.execute("insert", "INSERT INTO things (id) VALUES ($1)", number)


async def _sees(pg: Postgres, number: int) -> bool:
    async with pg.read() as connection:
        return bool(await connection.fetchval("seen", "SELECT EXISTS (SELECT FROM things WHERE id = $1)", number))


async def test_a_replica_that_keeps_up_is_read_from_unless_the_primary_is_asked_for(pg: Postgres) -> None:
    await _write(pg, 1)
    assert not await _reads_at_replica(pg, primary=True)
    await eventually(lambda: _sees(pg, 1))
    await eventually(lambda: _reads_at_replica(pg))


async def test_a_replica_that_lags_is_not_read_from_until_it_has_caught_up(pg: Postgres, pair: PostgresPair) -> None:
    await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_pause()")
    try:
        await _write(pg, 1)
        await eventually(lambda: _sees(pg, 1))
        for number in range(2, 5):
            await _write(pg, number)
            assert await _sees(pg, number)
        assert not await _reads_at_replica(pg)
    finally:
        await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_resume()")
    await eventually(lambda: _reads_at_replica(pg))
    assert await _sees(pg, 4)


async def test_what_a_replica_does_not_answer_the_primary_is_asked(pg: Postgres, pair: PostgresPair) -> None:
    await eventually(lambda: _reads_at_replica(pg))
    await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_pause()")
    try:
        async with pg.transaction() as tx:
            await tx.execute("create", "CREATE TABLE later (id int PRIMARY KEY)")
        async with pg.read() as connection:
            assert await connection.fetchval("count", "SELECT count(*) FROM later") == 0
    finally:
        await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_resume()")


async def test_a_replica_that_goes_away_costs_no_read(pg: Postgres, pair: PostgresPair) -> None:
    await eventually(lambda: _reads_at_replica(pg))
    async with pg.read() as connection:
        pair.kill_replica()
        assert not await connection.fetchval("where", "SELECT pg_is_in_recovery()")
    assert not await _reads_at_replica(pg)
    pair.start_replica()
    await eventually(lambda: _reads_at_replica(pg))


async def test_a_server_that_is_no_replica_is_not_taken_for_one(pair: PostgresPair) -> None:
    primary = Pool(pair.dsn("postgres"), 1, "test", PgAccess())
    replica = replica_of(primary, pair.dsn("postgres"), "test")
    await primary.open()
    await replica.open()
    with pytest.raises(PostgresUnavailable):
        await replica.look()
    await replica.close()
    await primary.close()
