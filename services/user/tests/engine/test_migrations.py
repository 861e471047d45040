"""The schema from empty, and that the shared tables are as the shared library wants them."""

from __future__ import annotations

from typing import Any

import pytest

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.postgres_outbox import POSTGRES_OUTBOX_DDL
from rookery_common.testing.postgres import MigratedPostgres
from rookery_common.worker_leases import POSTGRES_WORKER_LEASES_DDL
from user_service.app import MIGRATIONS

_COLUMNS = """
SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 ORDER BY column_name LIMIT 100
"""
_INDEXES = """
SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1 AND tablename = $2 ORDER BY 1 LIMIT 100
"""

_UNIQUE_KEYS = """
SELECT t.relname AS "table", array_agg(a.attname::text) AS columns
FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
WHERE i.indisunique AND t.relnamespace = 'public'::regnamespace
GROUP BY t.relname, i.indexrelid LIMIT 1000
"""
# By whom the rows of what concerns two accounts lie together.
DISTRIBUTED = {
    "accounts": "account_id",
    "account_counts": "account_id",
    "follows_by_follower": "follower_id",
    "follows_by_followee": "followee_id",
    "follow_requests": "followee_id",
    "blocks_by_blocker": "blocker_id",
    "blocks_by_blocked": "blocked_id",
    "mutes": "muter_id",
    "post_facts": "author_id",
}


async def _shape(connection: PgConnection, schema: str, table: str) -> list[tuple[Any, ...]]:
    columns = await connection.fetch("columns", _COLUMNS, schema, table)
    indexes = await connection.fetch("indexes", _INDEXES, schema, table)
    return [tuple(row) for row in [*columns, *indexes]]


@pytest.mark.parametrize(
    ("table", "wanted"), [("outbox", POSTGRES_OUTBOX_DDL), ("worker_leases", POSTGRES_WORKER_LEASES_DDL)]
)
async def test_shared_tables_are_as_the_library_wants_them(pg: Postgres, table: str, wanted: str) -> None:
    schema = f"wanted_{table}"
    async with pg.transaction() as tx:
        ours = await _shape(tx, "public", table)
        await tx.execute("schema", f"CREATE SCHEMA {schema}; SET LOCAL search_path = {schema};" + wanted)
        assert ours == await _shape(tx, schema, table)
    assert ours


async def test_migrating_again_changes_nothing(pg: Postgres, database: MigratedPostgres) -> None:
    assert await migrate_postgres(database.dsn, MIGRATIONS) == []


async def test_every_table_can_be_distributed_by_a_column_of_each_of_its_keys(pg: Postgres) -> None:
    async with pg.read(primary=True) as connection:
        rows = await connection.fetch("unique_keys", _UNIQUE_KEYS)
    shared: dict[str, set[str]] = {}
    for row in rows:
        shared[row["table"]] = shared.get(row["table"], set(row["columns"])) & set(row["columns"])
    assert {table for table, columns in shared.items() if not columns} == set()
    for table, column in DISTRIBUTED.items():
        assert column in shared[table], table
