"""Postgres goes away while people sign up: whoever tries again has one whole account, and nobody has half of one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rookery_common.clients.postgres import Postgres
from rookery_common.errors import AppError
from rookery_common.testing.postgres import MigratedPostgres

PEOPLE = 6
TRIES = 20
# Of what an account is made of in one transaction: how many of each there are, for accounts and for themselves.
_WHOLE = """
SELECT (SELECT count(*) FROM credentials) AS accounts,
       (SELECT count(DISTINCT account_id) FROM sessions) AS with_session,
       (SELECT count(DISTINCT aggregate_id) FROM outbox WHERE type LIKE '%CredentialsCreated') AS with_event,
       (SELECT count(*) FROM outbox WHERE type LIKE '%CredentialsCreated') AS events"""
_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'auth-tests'"""


async def cut_connections(outside: Postgres, stop: asyncio.Event) -> int:
    """All of the service's connections, again and again; how many that were."""
    cut = 0
    while not stop.is_set():
        async with outside.read(primary=True) as connection:
            cut += len(await connection.fetch("cut", _CUT))
        await asyncio.sleep(0.01)
    return cut


@pytest.fixture
async def outside(database: MigratedPostgres) -> Any:
    client = Postgres(database.dsn, pool_size=1, name="outside")
    await client.start()
    yield client
    await client.stop()


async def test_who_signs_up_while_postgres_is_lost_gets_one_whole_account_by_trying_again(
    world: Any, outside: Postgres
) -> None:
    stop = asyncio.Event()
    killer = asyncio.create_task(cut_connections(outside, stop))
    names = [f"person{number}" for number in range(PEOPLE)]
    first = await asyncio.gather(*(world.sign_up(name) for name in names), return_exceptions=True)
    stop.set()
    assert await killer > 0
    unexpected = [answer for answer in first if isinstance(answer, BaseException) and not isinstance(answer, AppError)]
    assert unexpected == []

    async with outside.read(primary=True) as connection:
        found = await connection.fetchrow("whole", _WHOLE)
    assert found is not None
    assert found["accounts"] == found["with_session"] == found["with_event"] == found["events"]

    for name in names:
        issued = await tried_again(world, name)
        assert (await world.auth.sessions.exchange(issued.access_token)).view.username == name
    async with outside.read(primary=True) as connection:
        found = await connection.fetchrow("whole", _WHOLE)
    assert found is not None
    assert (found["accounts"], found["with_session"], found["events"]) == (PEOPLE, PEOPLE, PEOPLE)
    assert sorted(world.users.accounts.values()) == names


async def tried_again(world: Any, name: str) -> Any:
    """The same sign-up, as a client repeats it; connections that were cut are found out one by one."""
    for _ in range(TRIES):
        try:
            return await world.sign_up(name)
        except AppError as error:
            last = error
    raise last
