"""What is backed up of Postgres is restored by the operators' scripts: a server to a moment, and one database alone."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from rookery_local import instance as instances
from rookery_local.cache import postgres_programs
from rookery_local.engines import postgres
from rookery_local.instance import REPOSITORY, Instance
from rookery_local.ports import HOST, reserved_free_ports
from rookery_local.services import postgres_dsn
from rookery_local.shell import plain_environment

SECONDS = 60.0


class Server:
    """A Postgres of this test's own on a free port, which archives what it writes."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.folder = instance.folder("postgres")
        self.data = self.folder / "data"
        self.scripts = instance.folder("postgres", "scripts")
        self.wal = instance.folder("postgres", "wal")
        self.backups = instance.folder("postgres", "backups")
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """A new cluster; the scripts come along, since its user may not be let into this checkout."""
        self._command = postgres.prepare(self.instance).command
        for script in (REPOSITORY / "deploy" / "backup").glob("postgres-*.sh"):
            copy = self.instance.write(self.scripts / script.name, script.read_text())
            copy.chmod(0o700)
        password = self.instance.secrets.password("postgres.postgres")
        self.instance.write(self.folder / "pgpass", f"*:*:*:postgres:{password}\n")
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write("host replication postgres 127.0.0.1/32 scram-sha-256\n")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"archive_mode = on\narchive_command = '{self.scripts}/postgres-archive.sh %p {self.wal}/%f'\n")
            file.write("archive_timeout = 60\n")

    async def start(self, data: Path) -> asyncpg.Connection:
        """Runs it on this folder; returns a connection once it has recovered and takes writes."""
        words = [*self._command[:-1], str(data)]
        with self.instance.log("postgres").open("ab") as log:
            self._process = subprocess.Popen(words, cwd=self.folder, stdout=log, stderr=log, env=plain_environment())  # noqa: ASYNC220, S603 - ours
        end = time.monotonic() + SECONDS
        while True:
            try:
                connection = await asyncpg.connect(postgres_dsn(self.instance, "postgres", "postgres"), timeout=30)
                if not await connection.fetchval("SELECT pg_is_in_recovery()"):
                    return connection
                await connection.close()
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > end:
                    raise AssertionError(self.instance.log("postgres").read_text()[-3000:]) from None
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """At once, children too, as a lost machine would."""
        if self._process is not None:
            process, self._process = self._process, None
            pids = (self.data / "postmaster.pid", self.folder / "restored" / "postmaster.pid")
            process.kill()
            process.wait(SECONDS)
            for pid in pids:
                pid.unlink(missing_ok=True)

    def script(self, name: str, *arguments: str | Path) -> str:
        """Runs one of the scripts as the server's user; the last line of what it says. Raises AssertionError."""
        programs = postgres_programs()
        environment = plain_environment() | {
            "PGHOST": HOST,
            "PGPORT": str(self.instance.ports["postgres"]),
            "PGUSER": "postgres",
            "PGPASSFILE": str(self.folder / "pgpass"),
        }
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        words = [*self.instance.as_engine_user(), str(self.scripts / name), *map(str, arguments)]
        done = subprocess.run(words, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603 - ours
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stderr}")
        return (done.stdout.strip().splitlines() or [""])[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    root = Path(tempfile.mkdtemp(prefix="rookery-drill-"))
    with reserved_free_ports() as ports:
        instance = instances.create(root, ports, throwaway=True)
        made = Server(instance)
        made.make()
        try:
            yield made
        finally:
            made.kill()
            instance.delete()


@pytest_asyncio.fixture
async def connection(server: Server) -> AsyncIterator[asyncpg.Connection]:
    made = await server.start(server.data)
    await made.execute("CREATE TABLE facts (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())")
    await made.execute("INSERT INTO facts SELECT generate_series(1, 1000)")
    yield made
    await made.close()


async def restored(server: Server, *moment: str) -> asyncpg.Connection:
    """After the machine was lost with its data: from the newest base backup and the archive."""
    server.kill()
    shutil.rmtree(server.data)
    [backup] = [path for path in server.backups.iterdir() if not path.name.endswith(".partial")]
    server.script("postgres-recover.sh", backup, server.wal, server.folder / "restored", *moment)
    return await server.start(server.folder / "restored")


async def archived(connection: asyncpg.Connection) -> None:
    """Returns once all that is written up to now is in the archive."""
    segment = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    async with asyncio.timeout(SECONDS):
        last = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
        while await connection.fetchval(last) < segment:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.1)


async def test_a_lost_server_is_restored_with_all_that_was_archived(
    server: Server, connection: asyncpg.Connection
) -> None:
    server.script("postgres-base.sh", server.backups)
    await connection.execute("INSERT INTO facts SELECT generate_series(1001, 5000)")
    await archived(connection)
    await connection.execute("INSERT INTO facts VALUES (5001)")  # not archived yet: this is what may be lost
    connection.terminate()
    again = await restored(server)
    assert await again.fetchval("SELECT count(*) FROM facts WHERE id <= 5000") == 5000
    await again.execute("INSERT INTO facts VALUES (6000)")
    await again.close()


async def test_a_mistake_is_undone_by_restoring_to_the_moment_before(
    server: Server, connection: asyncpg.Connection
) -> None:
    server.script("postgres-base.sh", server.backups)
    await connection.execute("INSERT INTO facts VALUES (1001)")
    moment = await connection.fetchval("SELECT clock_timestamp()::text")
    await connection.execute("DELETE FROM facts")
    await archived(connection)
    connection.terminate()
    again = await restored(server, moment)
    assert await again.fetchval("SELECT count(*) FROM facts") == 1001
    await again.close()


async def test_one_database_is_restored_whole_into_an_empty_one_and_into_no_other(
    server: Server, connection: asyncpg.Connection
) -> None:
    dump = server.script("postgres-dump.sh", "postgres", server.backups)
    await connection.execute("CREATE DATABASE again")
    server.script("postgres-restore.sh", dump, "again")
    again = await asyncpg.connect(postgres_dsn(server.instance, "postgres", "again"), timeout=30)
    rows = "SELECT md5(string_agg(facts::text, ',' ORDER BY id)) FROM facts"
    assert await again.fetchval(rows) == await connection.fetchval(rows)
    await again.close()
    with pytest.raises(AssertionError, match="has 1 tables"):
        server.script("postgres-restore.sh", dump, "postgres")
    damage(Path(dump))
    with pytest.raises(AssertionError, match="checksum"):
        server.script("postgres-restore.sh", dump, "again")


def damage(file: Path) -> None:
    """One bit."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
