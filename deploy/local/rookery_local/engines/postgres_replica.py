"""A replica of Postgres that the services may read from: it streams what the primary commits, a moment later."""

from functools import partial

from rookery_local import secure
from rookery_local.cache import postgres_programs
from rookery_local.engines import postgres
from rookery_local.engines.engine import Engine, Program, settings_from
from rookery_local.errors import LocalError
from rookery_local.instance import LOCAL, Instance

NAME = "postgres_replica"


def prepare(instance: Instance) -> Program:
    """Writes the settings; the copy itself is made by the program, once the primary is there."""
    programs = postgres_programs()
    if programs is None:
        raise LocalError("Postgres is missing: run `make install`.")
    folder, user = instance.folder(NAME), postgres.REPLICATION
    host, port = instance.host, instance.ports["postgres"]
    password = instance.secrets.password(f"postgres.{user}")
    passwords = instance.write(folder / "pgpass", f"{host}:{port}:*:{user}:{password}\n")
    primary = f"host={host} port={port} user={user} passfile={passwords}"
    # In whoever's home this was started from there may be a certificate, which is not for here.
    environment = {"PGPASSFILE": str(passwords), "HOME": str(folder)}
    if instance.secure:
        authority = str(secure.engine_files(instance, NAME).authority)
        primary += f" sslmode=verify-full sslrootcert={authority}"
        environment |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": authority}
    text = postgres.server_settings(instance, NAME) + settings_from("postgresql-replica.conf", primary=primary)
    instance.write(folder / "postgresql.conf", text)
    instance.write(folder / "pg_hba.conf", postgres.clients(instance))
    # Its user may not be let into this checkout.
    script = instance.write(folder / "start.sh", (LOCAL / "config" / "postgres-replica.sh").read_text())
    words = ["bash", str(script), str(programs), str(folder), host, str(port), user]
    command = [*instance.as_engine_user("INT"), *words]
    return Program(NAME, command, folder, environment, stop_signal="INT", stop_seconds=20)


def provision(_instance: Instance) -> None:
    """Nothing: roles and databases come from the primary."""


ENGINE = Engine(NAME, (NAME,), prepare, partial(postgres.check, engine=NAME), provision)
