"""Worker numbers in the real stores: no two processes hold the same one, and a lost one is not renewed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from rookery_common.clients.cassandra import Cql
from rookery_common.clients.postgres import Postgres
from rookery_common.clock import SystemClock
from rookery_common.config import CqlSettings
from rookery_common.testing.engines import execute_cql
from rookery_common.worker_leases import (
    CQL_WORKER_LEASES_DDL,
    POSTGRES_WORKER_LEASES_DDL,
    CqlWorkerLease,
    NoWorkerNumber,
    PostgresWorkerLease,
    WorkerLease,
)

Make = Callable[[], WorkerLease]
CLOCK = SystemClock()


async def two_processes_then_a_third(make: Make) -> None:
    """Two numbers, three who want one: the third gets none until one is given back."""
    one, two, three = make(), make(), make()
    await one.start()
    await two.start()
    assert {one.worker(), two.worker()} == {0, 1}
    await three.refresh()
    with pytest.raises(NoWorkerNumber):
        three.worker()
    await one.refresh()
    await one.check()
    await one.stop()
    await two.stop()


@pytest_asyncio.fixture
async def pg(pg_database: str) -> AsyncIterator[Postgres]:
    client = Postgres(pg_database, name="leases")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("ddl", POSTGRES_WORKER_LEASES_DDL)
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def cql(cql_keyspace: CqlSettings) -> AsyncIterator[Cql]:
    execute_cql(cql_keyspace, CQL_WORKER_LEASES_DDL)
    client = Cql(cql_keyspace, "leases", CqlWorkerLease.statements)
    await client.start()
    yield client
    await client.stop()


async def test_numbers_in_postgres_are_held_once(pg: Postgres) -> None:
    await two_processes_then_a_third(lambda: PostgresWorkerLease(pg, CLOCK, range(2)))


async def test_numbers_in_cql_are_held_once(cql: Cql) -> None:
    await two_processes_then_a_third(lambda: CqlWorkerLease(cql, CLOCK, range(2)))


async def test_a_number_taken_over_in_postgres_is_not_renewed_by_its_former_holder(pg: Postgres) -> None:
    former, later = (PostgresWorkerLease(pg, CLOCK, range(1)) for _ in range(2))
    await former.refresh()
    async with pg.transaction() as tx:
        await tx.execute("lapse", "UPDATE worker_leases SET expires_at = now() - interval '1 second'")
    await later.refresh()
    assert later.worker() == 0
    await former.refresh()
    with pytest.raises(NoWorkerNumber):
        former.worker()


async def test_a_number_taken_over_in_cql_is_not_renewed_by_its_former_holder(
    cql: Cql, cql_keyspace: CqlSettings
) -> None:
    former, later = (CqlWorkerLease(cql, CLOCK, range(1)) for _ in range(2))
    await former.refresh()
    execute_cql(cql_keyspace, "TRUNCATE worker_leases")
    await later.refresh()
    assert later.worker() == 0
    await former.refresh()
    with pytest.raises(NoWorkerNumber):
        former.worker()


async def test_a_number_given_back_rests_before_another_gets_it(pg: Postgres) -> None:
    one, two = (PostgresWorkerLease(pg, CLOCK, range(1)) for _ in range(2))
    await one.start()
    await one.stop()
    await two.refresh()
    with pytest.raises(NoWorkerNumber):
        two.worker()
    async with pg.read(primary=True) as read:
        left = await read.fetchval("left", "SELECT extract(epoch FROM expires_at - now())::float FROM worker_leases")
    assert 3 < left <= 5
