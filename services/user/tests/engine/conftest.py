"""The user service over real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from rookery_common.clients.postgres import Postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.postgres import MigratedPostgres, migrated_postgres
from user_service.app import MIGRATIONS
from user_service.relationships.repository import RelationshipRepository
from user_service.repository import UserRepository

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture(scope="session")
def database() -> Iterator[MigratedPostgres]:
    """A migrated database of this run's own."""
    with migrated_postgres(MIGRATIONS) as database:
        yield database


@pytest_asyncio.fixture
async def pg(database: MigratedPostgres) -> AsyncIterator[Postgres]:
    """The database, empty."""
    await database.empty()
    pg = Postgres(database.dsn, pool_size=10, name="test")
    await pg.start()
    yield pg
    await pg.stop()


@pytest.fixture
def sent() -> Callable[[str], float]:
    """How often a statement of this name has been sent to the database, and answered."""

    def count(name: str) -> float:
        labels = {"client": "test", "statement": name, "success": "true"}
        return REGISTRY.get_sample_value("rookery_postgres_calls_total", labels) or 0.0

    return count


@pytest_asyncio.fixture
async def producer(pg: Postgres) -> FakeProducer:
    return FakeProducer()


@pytest_asyncio.fixture
async def outbox(pg: Postgres, producer: FakeProducer) -> AsyncIterator[PostgresOutbox]:
    outbox = PostgresOutbox(pg, producer, "user")
    yield outbox
    # A crash that a test makes may be the publisher's, too; fixtures that are not taken down would be the next test's.
    with suppress(asyncio.CancelledError):
        await outbox.drain()


@pytest_asyncio.fixture
async def worlds(
    pg: Postgres,
    outbox: PostgresOutbox,
    redis_url: str,
    redis_prefix: str,
    clock: FakeClock,
    ids: FakeIds,
    make_world: Callable[..., World],
) -> AsyncIterator[tuple[World, World]]:
    """Two processes of the service with the same Postgres and Redis under them."""
    redis = RedisClient(redis_url, "test")
    stores = UserRepository(pg, outbox), RelationshipRepository(pg, outbox)
    first, second = (make_world(*stores, redis, clock, ids, redis_prefix) for _ in range(2))
    yield first, second
    await redis.stop()


@pytest.fixture
def real_world(worlds: tuple[World, World]) -> World:
    """A service with Postgres and Redis under it."""
    return worlds[0]


@pytest.fixture
def other_world(worlds: tuple[World, World]) -> World:
    """The same service in another process."""
    return worlds[1]
