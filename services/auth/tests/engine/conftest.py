"""The repository over a Postgres database of this run, emptied before each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest

from auth_service.app import MIGRATIONS
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.links import LinkRepository
from auth_service.repository.operations import OperationsRepository
from auth_service.repository.passkeys import PasskeyRepository
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.engines import postgres_database

# Deleting a few rows is faster than truncating as many files.
_EMPTY = """
DELETE FROM sessions; DELETE FROM authorization_codes; DELETE FROM credentials; DELETE FROM apps; DELETE FROM outbox;
DELETE FROM mails; DELETE FROM challenges; DELETE FROM invitations;
DELETE FROM revocations; DELETE FROM sign_in_tries; DELETE FROM signing_keys;
DELETE FROM roles WHERE NOT is_builtin; UPDATE revocation_counter SET last = 0;
"""


class Published:
    """Where events go in these tests."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send_all(self, events: Sequence[Event]) -> None:
        self.events += events


@pytest.fixture(scope="session")
def migrated_database() -> Iterator[str]:
    with asyncio.Runner() as runner:
        database = postgres_database()
        dsn = runner.run(database.__aenter__())
        runner.run(migrate_postgres(dsn, MIGRATIONS))
        yield dsn
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def pg(migrated_database: str) -> AsyncIterator[Postgres]:
    client = Postgres(migrated_database, pool_size=6, name="auth-tests")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("empty", _EMPTY)
    yield client
    await client.stop()


@pytest.fixture
async def published() -> Published:
    return Published()


@pytest.fixture
async def outbox(pg: Postgres, published: Published) -> AsyncIterator[PostgresOutbox]:
    outbox = PostgresOutbox(pg, published, "auth")
    yield outbox
    await outbox.drain()


@pytest.fixture
def repository(pg: Postgres, outbox: PostgresOutbox) -> AuthRepository:
    return AuthRepository(pg, outbox)


@pytest.fixture
def accounts(pg: Postgres, outbox: PostgresOutbox) -> AccountRepository:
    return AccountRepository(pg, outbox)


@pytest.fixture
def passkeys(pg: Postgres) -> PasskeyRepository:
    return PasskeyRepository(pg)


@pytest.fixture
def links(pg: Postgres) -> LinkRepository:
    return LinkRepository(pg)


@pytest.fixture
def operations(pg: Postgres) -> OperationsRepository:
    return OperationsRepository(pg)


@pytest.fixture
def recorded(pg: Postgres) -> Callable[[], Awaitable[list[str]]]:
    """The types of the events that were recorded, in order."""

    async def types() -> list[str]:
        async with pg.read(primary=True) as read:
            rows = await read.fetch("outbox", "SELECT type FROM outbox ORDER BY event_id")
        return [row["type"].rpartition(".")[2] for row in rows]

    return types
