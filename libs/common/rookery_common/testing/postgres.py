"""One database for many tests, each of which finds its tables as the migrations left them.

Making and migrating a database takes as long as ten tests; deleting a few rows takes less than truncating their files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.testing.engines import ENGINE_SECONDS, postgres_database

# Partitions are emptied with their parents.
_TABLES: Final = """
SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


class MigratedPostgres:
    """A database with a schema of its own for the rows that migrations wrote."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._empty = ""

    async def keep(self) -> None:
        """What is there now is what `empty` leaves."""
        connection = await _connected(self.dsn)
        try:
            tables = [row[0] for row in await connection.fetch(_TABLES)]
            # Neither foreign keys nor triggers (an audit log's, say) are in the way; administrators alone may do this.
            statements = ["SET session_replication_role = replica", *(f"DELETE FROM {table}" for table in tables)]  # noqa: S608
            await connection.execute("CREATE SCHEMA pristine")
            for table in tables:
                rows = f"SELECT * FROM {table}"  # noqa: S608  # a name of our own
                if await connection.fetchrow(f"{rows} LIMIT 1"):
                    await connection.execute(f"CREATE TABLE pristine.{table} AS {rows}")
                    statements.append(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM pristine.{table}")  # noqa: S608
            self._empty = "; ".join(statements)
        finally:
            await connection.close()

    async def empty(self) -> None:
        """For the next test."""
        connection = await _connected(self.dsn)
        try:
            await connection.execute(self._empty)
        finally:
            await connection.close()


@contextmanager
def migrated_postgres(migrations: Path) -> Iterator[MigratedPostgres]:
    """For a session's fixture: outside of tests' event loops."""
    with asyncio.Runner() as runner:
        database = postgres_database()
        migrated = MigratedPostgres(runner.run(database.__aenter__()))
        try:
            runner.run(migrate_postgres(migrated.dsn, migrations))
            runner.run(migrated.keep())
            yield migrated
        finally:
            runner.run(database.__aexit__(None, None, None))


async def _connected(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(dsn, timeout=ENGINE_SECONDS, command_timeout=ENGINE_SECONDS)
