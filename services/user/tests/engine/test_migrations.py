"""The schema from empty, and that the shared tables are as the shared library wants them."""

from __future__ import annotations

from typing import Any

import pytest

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.postgres_outbox import POSTGRES_OUTBOX_DDL
from rookery_common.worker_leases import POSTGRES_WORKER_LEASES_DDL
from user_service.app import MIGRATIONS

_COLUMNS = """
SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 ORDER BY column_name LIMIT 100
"""
_INDEXES = """
SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1 AND tablename = $2 ORDER BY 1 LIMIT 100
"""


async def _shape(connection: PgConnection, schema: str, table: str) -> list[tuple[Any, ...]]:
    columns = await connection.fetch("columns", _COLUMNS, schema, table)
    indexes = await connection.fetch("indexes", _INDEXES, schema, table)
    return [tuple(row) for row in [*columns, *indexes]]


@pytest.mark.parametrize(
    ("table", "wanted"), [("outbox", POSTGRES_OUTBOX_DDL), ("worker_leases", POSTGRES_WORKER_LEASES_DDL)]
)
async def test_shared_tables_are_as_the_library_wants_them(pg: Postgres, table: str, wanted: str) -> None:
    async with pg.transaction() as tx:
        ours = await _shape(tx, "public", table)
        await tx.execute("schema", "CREATE SCHEMA wanted; SET LOCAL search_path = wanted;" + wanted)
        assert ours == await _shape(tx, "wanted", table)
    assert ours


async def test_migrating_again_changes_nothing(pg: Postgres, pg_database: str) -> None:
    assert await migrate_postgres(pg_database, MIGRATIONS) == []
