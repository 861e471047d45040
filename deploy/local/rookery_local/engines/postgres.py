"""Postgres: a cluster of our own, with a role and a database for each service that stores in it."""

import asyncio

import asyncpg

from rookery_common.credentials import TrustContext
from rookery_local import secure, shell
from rookery_local.cache import postgres_programs
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.errors import LocalError
from rookery_local.instance import SOCKET_PATH_LIMIT, Instance
from rookery_local.ports import HOST
from rookery_local.services import SERVICES, postgres_dsn

# Whom the replica fetches as; may read nothing by itself.
REPLICATION = "rookery_replication"


def prepare(instance: Instance) -> Program:
    """Makes the cluster on the first start; writes the settings on each."""
    programs = postgres_programs()
    if programs is None:
        raise LocalError("Postgres is missing: run `make install`.")
    folder, data = instance.folder("postgres"), instance.folder("postgres", "data")
    if not (data / "PG_VERSION").exists():
        password = instance.write(folder / "first-password", instance.secrets.password("postgres.postgres"))
        words = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        words += [f"--pwfile={password}", "--auth=scram-sha-256", "--no-instructions"]
        words += ["--no-sync"] if instance.throwaway else []
        shell.run([*instance.as_engine_user(), *words], cwd=folder, env=shell.plain_environment(), what="initdb")
        password.unlink()
    instance.write(data / "postgresql.conf", server_settings(instance, "postgres"))
    instance.write(data / "pg_hba.conf", clients(instance))
    command = [*instance.as_engine_user("INT"), str(programs / "postgres"), "-D", str(data)]
    # INT is Postgres's fast stop: sessions are ended, the checkpoint is written.
    return Program("postgres", command, folder, stop_signal="INT", stop_seconds=20)


def server_settings(instance: Instance, engine: str) -> str:
    """What a server of this instance is told, be it the primary or its replica."""
    sockets = instance.folder(engine, "run")
    fits = len(f"{sockets}/.s.PGSQL.65535.lock") <= SOCKET_PATH_LIMIT
    text = settings_from(
        "postgresql.conf", host=instance.host, port=instance.ports[engine], sockets=sockets if fits else ""
    )
    if instance.secure:
        files = secure.engine_files(instance, engine)
        text += settings_from("postgresql-secure.conf", certificate=files.certificate, key=files.key)
    return text


def clients(instance: Instance) -> str:
    """Who may connect, and from where."""
    where = f"{HOST}/32" if instance.host == HOST else "all"
    kind = "hostssl" if instance.secure else "host"
    return settings_from("pg_hba.conf", kind=kind, clients=where, replication=REPLICATION)


def _admin_dsn(instance: Instance, engine: str = "postgres") -> str:
    return postgres_dsn(instance, "postgres", "postgres", engine)


def _trust(instance: Instance) -> TrustContext | None:
    return TrustContext.of(str(secure.authority(instance).file)) if instance.secure else None


def check(instance: Instance, engine: str = "postgres") -> None:
    """The administrator can log in and a query is answered."""
    asyncio.run(_check(instance, engine))


async def _check(instance: Instance, engine: str) -> None:
    try:
        connection = await asyncpg.connect(_admin_dsn(instance, engine), timeout=3, ssl=_trust(instance))
    except (OSError, asyncpg.PostgresError) as error:
        raise NotReady(str(error)) from error
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


def provision(instance: Instance) -> None:
    """Makes each service's role and database, closed to every other role."""
    asyncio.run(_provision(instance))


async def _provision(instance: Instance) -> None:
    connection = await asyncpg.connect(_admin_dsn(instance), timeout=10, ssl=_trust(instance))
    try:
        roles = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        await connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        password = instance.secrets.password(f"postgres.{REPLICATION}")
        verb = "ALTER" if REPLICATION in roles else "CREATE"
        await connection.execute(f"{verb} ROLE {REPLICATION} LOGIN REPLICATION PASSWORD '{password}'")
        for service in SERVICES:
            if not service.postgres:
                continue
            name, verb = service.account, "ALTER" if service.account in roles else "CREATE"
            password = instance.secrets.password(f"postgres.{name}")
            rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
            await connection.execute(f"{verb} ROLE {name} {rights} PASSWORD '{password}'")
            if name not in databases:
                await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
            await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    finally:
        await connection.close()


ENGINE = Engine("postgres", ("postgres",), prepare, check, provision)
