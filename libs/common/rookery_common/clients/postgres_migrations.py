"""Postgres schemas: hand-written SQL files, run in the order of their names, each in a transaction.

Alembic keeps the versions and writes the SQL around each file (its offline mode); asyncpg runs it, so that no second
driver is needed. A file is never changed once it is released: expand, backfill, and contract in a later release.
"""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import asyncpg
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script.base import Script
from alembic.script.revision import RevisionMap

from rookery_common.clients.postgres_access import PgAccess, address_of
from rookery_common.clients.startup import EngineAway, MigrationFailed
from rookery_common.config import PostgresSettings
from rookery_common.logs import get_logger

CONNECT_SECONDS = 10.0
RUN_SECONDS = 900.0
_LOCK_KEY = 0x526F6F6B  # one per database: databases don't share advisory locks
_WAIT_FOR_OTHERS = "SET lock_timeout = '300s'; SET statement_timeout = '300s'"
# A migration that must wait for a table's readers or writers gives up soon: whoever came after it waits too.
_LIMITS = "SET lock_timeout = '5s'; SET statement_timeout = '120s'"
_FILE = re.compile(r"(\d{8}T\d{4})_[a-z0-9_]+\.sql")

log = get_logger()


class MigrationNameWrong(ValueError):
    """A file in the folder is not named like 20261121T0900_create_accounts.sql, or two have the same time."""


async def migrate_postgres(database: str | PostgresSettings, folder: Path) -> list[str]:
    """Runs the files that the database has not seen; returns their versions. A newer database is left alone.

    Raises EngineAway where the database can't be had, and MigrationFailed where it refuses a file.
    """
    scripts = _scripts(folder)
    async with _only_runner(database) as connection:
        current = await _current(connection)
        known = scripts[-1].revision if scripts else ""
        if current is not None and current > known:
            log.warning("postgres.schema_is_newer", schema=current, known=known)
            return []
        pending = [script for script in scripts if current is None or script.revision > current]
        for script in pending:
            try:
                await connection.execute(render(scripts, script, current))
            except asyncpg.PostgresError as error:
                # Its first line alone: the details may quote a row.
                said = str(error.args[0]) if error.args else type(error).__name__
                raise MigrationFailed("postgres", script.revision, said, "nothing of it is left") from error
            log.info("postgres.migrated", version=script.revision)
            current = script.revision
        return [script.revision for script in pending]


def render(scripts: Iterable[Script], script: Script, current: str | None) -> str:
    """The SQL of one step from the current version: transaction, the file itself, and the new version's row."""
    revisions = RevisionMap(lambda: tuple(scripts))
    revisions.get_revision(script.revision)  # the map links its scripts when first asked
    output = io.StringIO()

    def steps(_heads: tuple[str, ...], context: MigrationContext) -> Iterator[RevisionStep]:
        text = Path(script.path).read_text("utf-8")
        script.module.__dict__["upgrade"] = lambda: context.impl.static_output(text)
        yield RevisionStep(revisions, script, is_upgrade=True)

    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={
            "as_sql": True,
            "output_buffer": output,
            "starting_rev": current,
            "transaction_per_migration": True,
            "fn": steps,
        },
    )
    context.run_migrations()
    return output.getvalue()


def _scripts(folder: Path) -> list[Script]:
    scripts: list[Script] = []
    for path in sorted(folder.glob("*.sql")):
        name = _FILE.fullmatch(path.name)
        if name is None or (scripts and scripts[-1].revision == name[1]):
            raise MigrationNameWrong(path.name)
        module = ModuleType(path.stem)
        module.__dict__["down_revision"] = scripts[-1].revision if scripts else None
        scripts.append(Script(module, name[1], path))
    return scripts


@asynccontextmanager
async def _only_runner(database: str | PostgresSettings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_for_long(database)
    try:
        await connection.execute(_WAIT_FOR_OTHERS)
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        await connection.execute(_LIMITS)
        yield connection
    finally:
        await connection.close()  # the lock ends with its session


async def connect_for_long(database: str | PostgresSettings) -> asyncpg.Connection:
    """A connection to the primary for what takes minutes, without the limits of requests. Raises EngineAway."""
    if isinstance(database, str):
        dsn, access = database, PgAccess()
    else:
        dsn, access = database.postgres_dsn.get_secret_value(), PgAccess.of(database)
    where = "postgres", address_of(dsn), "postgres_dsn"
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, command_timeout=RUN_SECONDS, **access.options())
    except asyncpg.CannotConnectNowError as error:
        raise EngineAway(*where, cause=error) from error
    except asyncpg.PostgresError as error:
        raise EngineAway(*where, refused=str(error)) from error
    except (OSError, TimeoutError) as error:
        raise EngineAway(*where, cause=error) from error
    except (asyncpg.InterfaceError, ValueError) as error:
        # Its text may quote the DSN, and with it the password.
        raise EngineAway(*where, refused=f"this is no usable address ({type(error).__name__})") from error


async def _current(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return version
