"""The repository over a Postgres database of this run, emptied before each test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from moderation_service.app import MIGRATIONS
from moderation_service.repository import ModerationRepository
from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.postgres import MigratedPostgres, migrated_postgres


@pytest.fixture(scope="session")
def database() -> Iterator[MigratedPostgres]:
    with migrated_postgres(MIGRATIONS) as database:
        yield database


@pytest.fixture
async def pg(database: MigratedPostgres) -> AsyncIterator[Postgres]:
    await database.empty()
    client = Postgres(database.dsn, pool_size=6, name="moderation-tests")
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
async def outbox(pg: Postgres, producer: FakeProducer) -> AsyncIterator[PostgresOutbox]:
    outbox = PostgresOutbox(pg, producer, "moderation")
    yield outbox
    await outbox.drain()


@pytest.fixture
def repository(pg: Postgres, outbox: PostgresOutbox) -> ModerationRepository:
    return ModerationRepository(pg, outbox)


@pytest.fixture
def recorded(pg: Postgres) -> Callable[[type[Any]], Awaitable[list[Any]]]:
    """The messages of a kind that were recorded to be published, in order."""
    statement = "SELECT payload FROM outbox WHERE type = $1 ORDER BY event_id"

    async def messages(kind: type[Any]) -> list[Any]:
        async with pg.read(primary=True) as read:
            rows = await read.fetch("outbox", statement, kind.DESCRIPTOR.full_name)
        return [kind.FromString(row["payload"]) for row in rows]

    return messages


@pytest.fixture
def audited(pg: Postgres) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """The audit log, in order."""
    columns = "action, actor_id, account_id, post_id, report_id"

    async def found() -> list[dict[str, Any]]:
        async with pg.read(primary=True) as read:
            rows = await read.fetch("audit", f"SELECT {columns}, detail FROM audit_log ORDER BY audit_id")  # noqa: S608
        return [{**{name: row[name] for name in columns.split(", ")}, **json.loads(row["detail"])} for row in rows]

    return found
