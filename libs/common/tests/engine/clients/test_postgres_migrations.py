"""Postgres migrations against a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from rookery_common.clients.postgres_migrations import MigrationNameWrong, migrate_postgres
from rookery_common.clients.startup import EngineAway, MigrationFailed

FIRST = """
CREATE TABLE a (id int, note text DEFAULT ':x 100%');
CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20260101T0900_create_a.sql").write_text(FIRST)
    return tmp_path


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_only_new_files_run_and_their_version_is_kept(pg_database: str, folder: Path) -> None:
    assert await migrate_postgres(pg_database, folder) == ["20260101T0900"]
    assert await migrate_postgres(pg_database, folder) == []
    (folder / "20260102T0900_create_b.sql").write_text("CREATE TABLE b (id int);")
    (folder / "20260103T0900_create_c.sql").write_text("CREATE TABLE c (id int);")
    assert await migrate_postgres(pg_database, folder) == ["20260102T0900", "20260103T0900"]
    assert await _value(pg_database, "SELECT version_num FROM alembic_version") == "20260103T0900"
    assert await _value(pg_database, "SELECT count(*) FROM a, b, c") == 0


async def test_a_file_that_fails_leaves_nothing_behind(pg_database: str, folder: Path) -> None:
    await migrate_postgres(pg_database, folder)
    (folder / "20260102T0900_wrong.sql").write_text("CREATE TABLE b (id int);\nSELECT nothing FROM nowhere;")
    with pytest.raises(MigrationFailed, match=r"20260102T0900.*nowhere"):
        await migrate_postgres(pg_database, folder)
    assert await _value(pg_database, "SELECT to_regclass('b')") is None
    assert await _value(pg_database, "SELECT version_num FROM alembic_version") == "20260101T0900"


async def test_runners_at_the_same_time_run_each_file_once(pg_database: str, folder: Path) -> None:
    results = await asyncio.gather(*(migrate_postgres(pg_database, folder) for _ in range(4)))
    assert sorted(results) == [[], [], [], ["20260101T0900"]]


async def test_an_older_release_leaves_a_newer_schema_alone(pg_database: str, folder: Path) -> None:
    newer = folder / "20260102T0900_create_b.sql"
    newer.write_text("CREATE TABLE b (id int);")
    await migrate_postgres(pg_database, folder)
    newer.unlink()
    assert await migrate_postgres(pg_database, folder) == []


async def test_a_wrong_file_name_is_told(pg_database: str, folder: Path) -> None:
    (folder / "create_b.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationNameWrong, match=r"create_b\.sql"):
        await migrate_postgres(pg_database, folder)


async def test_a_wrong_password_is_told_without_it(pg_database: str, folder: Path) -> None:
    login = urlsplit(pg_database).password or ""
    with pytest.raises(EngineAway, match=r"postgres at .* refuses: password authentication failed") as refused:
        await migrate_postgres(pg_database.replace(login, "made-up"), folder)
    assert "made-up" not in refused.value.message
