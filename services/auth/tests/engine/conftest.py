"""The repository over a Postgres database of this run, emptied before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest

from auth_service.app import MIGRATIONS
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.links import LinkRepository
from auth_service.repository.operations import OperationsRepository
from auth_service.repository.passkeys import PasskeyRepository
from auth_service.repository.written import WrittenMailRepository
from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.postgres import MigratedPostgres, migrated_postgres


class Published:
    """Where events go in these tests."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def send_all(self, events: Sequence[Event]) -> None:
        self.events += events


@pytest.fixture(scope="session")
def database() -> Iterator[MigratedPostgres]:
    with migrated_postgres(MIGRATIONS) as database:
        yield database


@pytest.fixture
async def pg(database: MigratedPostgres) -> AsyncIterator[Postgres]:
    await database.empty()
    client = Postgres(database.dsn, pool_size=6, name="auth-tests")
    await client.start()
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
def written(pg: Postgres) -> WrittenMailRepository:
    return WrittenMailRepository(pg)


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
