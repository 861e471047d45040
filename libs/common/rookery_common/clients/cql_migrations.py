"""CQL schemas: numbered .cql files, run in order, one runner at a time, each recorded with its checksum.

DDL can't be rolled back, so a file that failed half-way is run again from its start: every statement is idempotent
(IF NOT EXISTS, ADD IF NOT EXISTS). A file is never changed once it is released.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra import ConsistencyLevel, RequestExecutionException, RequestValidationException
from cassandra.cluster import Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy
from cassandra.query import named_tuple_factory

from rookery_common.clients.cassandra import NOT_CONNECTED, connect_cluster, engine_away
from rookery_common.clients.startup import EngineAway, MigrationFailed
from rookery_common.config import CqlSettings
from rookery_common.errors import Unavailable
from rookery_common.logs import get_logger

STATEMENT_SECONDS = 60.0
LEASE_SECONDS = 180
WAIT_SECONDS = 300.0
_FILE = re.compile(r"(\d{8}T\d{4})_[a-z0-9_]+\.cql")
_COMMENT = re.compile(r"^\s*(--|//).*$", re.MULTILINE)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (scope text, version text, checksum text, applied_at timestamp,"
    " PRIMARY KEY (scope, version))",
    "CREATE TABLE IF NOT EXISTS schema_lease (scope text PRIMARY KEY, holder text)",
)
_SCOPE = "schema"

log = get_logger()


class MigrationNameWrong(ValueError):
    """A file in the folder is not named like 20261121T0900_create_posts.cql, or two have the same time."""


class MigrationChanged(ValueError):
    """A file that was run already has another content now: put it back, and write a new one."""


class SchemaNotAgreed(Unavailable):
    """Not all nodes have taken over the last change yet, or another runner holds the lease; run it again."""

    reason = "SCHEMA_NOT_AGREED"


async def migrate_cql(settings: CqlSettings, folder: Path) -> list[str]:
    """Runs the folder's files that the keyspace, which exists already, has not seen; returns their versions.

    Raises EngineAway where the keyspace can't be had, and MigrationFailed where a file is refused.
    """
    return await asyncio.to_thread(_migrate, settings, _files(folder))


def _files(folder: Path) -> dict[str, str]:
    files: dict[str, str] = {}
    for path in sorted(folder.glob("*.cql")):
        name = _FILE.fullmatch(path.name)
        if name is None or name[1] in files:
            raise MigrationNameWrong(path.name)
        files[name[1]] = path.read_text("utf-8")
    return files


def _migrate(settings: CqlSettings, files: dict[str, str]) -> list[str]:
    with _session(settings) as session:
        for table in _TABLES:
            _change(session, table)
        with _lease(session) as renew:
            return _run_pending(session, files, renew)


@contextmanager
def _session(settings: CqlSettings) -> Iterator[Session]:
    profile = ExecutionProfile(
        load_balancing_policy=DCAwareRoundRobinPolicy(local_dc=settings.cql_local_dc),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=STATEMENT_SECONDS,
        row_factory=named_tuple_factory,
    )
    try:
        cluster = connect_cluster(settings, profile)
    except NOT_CONNECTED as error:
        raise engine_away(settings, error) from error
    try:
        yield _connect(cluster, settings)
    finally:
        cluster.shutdown()


def _connect(cluster: Cluster, settings: CqlSettings) -> Session:
    try:
        return cluster.connect(settings.cql_keyspace)
    except NOT_CONNECTED as error:
        raise engine_away(settings, error) from error
    except RequestValidationException as error:
        address = f"{settings.cql_hosts} port {settings.cql_port}"
        raise EngineAway("cql", address, "cql_keyspace", refused=str(error)) from error


def _run_pending(session: Session, files: dict[str, str], lease: _Lease) -> list[str]:
    rows = session.execute("SELECT version, checksum FROM schema_migrations WHERE scope = %s", (_SCOPE,))
    done = {row.version: row.checksum for row in rows}
    applied = []
    for version, text in files.items():
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if version in done:
            if done[version] != checksum:
                raise MigrationChanged(version)
            continue
        for statement in statements(text):
            lease.renew()
            try:
                _change(session, statement)
            except (RequestValidationException, RequestExecutionException) as error:
                left = "the statements before it took effect; every one may run again"
                raise MigrationFailed("cql", version, str(error), left) from error
        session.execute(
            "INSERT INTO schema_migrations (scope, version, checksum, applied_at)"
            " VALUES (%s, %s, %s, toTimestamp(now()))",
            (_SCOPE, version, checksum),
        )
        log.info("cql.migrated", version=version)
        applied.append(version)
    return applied


def statements(text: str) -> list[str]:
    """The file's statements: without comment lines, ended by a semicolon at a line's end."""
    parts = re.split(r";\s*(?:\n|$)", _COMMENT.sub("", text))
    return [part.strip() for part in parts if part.strip()]


def _change(session: Session, statement: str) -> None:
    future = session.execute_async(statement)
    future.result()
    if not future.is_schema_agreed:
        raise SchemaNotAgreed("the nodes do not agree on the schema yet")


class _Lease:
    """The right to change the schema: a row that expires, renewed before each statement."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._holder = uuid.uuid4().hex

    def take(self) -> None:
        give_up = time.monotonic() + WAIT_SECONDS
        insert = "INSERT INTO schema_lease (scope, holder) VALUES (%s, %s) IF NOT EXISTS USING TTL %s"
        while not self._session.execute(insert, (_SCOPE, self._holder, LEASE_SECONDS)).one().applied:
            if time.monotonic() > give_up:
                raise SchemaNotAgreed("another runner has held the lease for too long")
            time.sleep(1.0)

    def renew(self) -> None:
        update = "UPDATE schema_lease USING TTL %s SET holder = %s WHERE scope = %s IF holder = %s"
        if not self._session.execute(update, (LEASE_SECONDS, self._holder, _SCOPE, self._holder)).one().applied:
            raise SchemaNotAgreed("the lease was lost to another runner")

    def give_back(self) -> None:
        self._session.execute("DELETE FROM schema_lease WHERE scope = %s IF holder = %s", (_SCOPE, self._holder))


@contextmanager
def _lease(session: Session) -> Iterator[_Lease]:
    lease = _Lease(session)
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()
