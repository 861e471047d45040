"""The schema comes up from nothing, and again without harm."""

from __future__ import annotations

from moderation_service.app import MIGRATIONS
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.kafka.inbox import POSTGRES_INBOX_DDL
from rookery_common.kafka.postgres_outbox import POSTGRES_OUTBOX_DDL
from rookery_common.worker_leases import POSTGRES_WORKER_LEASES_DDL

_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name IN ('inbox', 'outbox', 'worker_leases') ORDER BY 1, 2"""


async def test_the_schema_comes_up_from_nothing_and_again_without_harm(pg_database: str) -> None:
    versions = await migrate_postgres(pg_database, MIGRATIONS)
    assert len(versions) == len(list(MIGRATIONS.glob("*.sql")))
    assert await migrate_postgres(pg_database, MIGRATIONS) == []


async def test_shared_tables_are_what_the_shared_library_wants(pg_database: str) -> None:
    async def columns(ddl: str) -> list[tuple[str, ...]]:
        client = Postgres(pg_database, name="migrations")
        await client.start()
        async with client.transaction() as tx:
            if ddl:
                await tx.execute("schema", f"CREATE SCHEMA wanted; SET search_path TO wanted; {ddl}")
            found = [tuple(row) for row in await tx.fetch("columns", _COLUMNS)]
        await client.stop()
        return found

    await migrate_postgres(pg_database, MIGRATIONS)
    ours = await columns("")
    assert ours == await columns(POSTGRES_INBOX_DDL + POSTGRES_OUTBOX_DDL + POSTGRES_WORKER_LEASES_DDL)
    assert len(ours) > 15
