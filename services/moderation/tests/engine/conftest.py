"""The repository over a Postgres database of this run, emptied before each test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from moderation_service.app import MIGRATIONS
from moderation_service.repository import ModerationRepository
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.engines import postgres_database
from rookery_common.testing.events import FakeProducer

# Nobody may empty the audit log but who owns the table, and says so.
_EMPTY = """
ALTER TABLE audit_log DISABLE TRIGGER audit_log_is_append_only; DELETE FROM audit_log;
ALTER TABLE audit_log ENABLE TRIGGER audit_log_is_append_only;
DELETE FROM posts; DELETE FROM findings; DELETE FROM reports; DELETE FROM inbox; DELETE FROM outbox;
"""


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
    client = Postgres(migrated_database, pool_size=6, name="moderation-tests")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("empty", _EMPTY)
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
