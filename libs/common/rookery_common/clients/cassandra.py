"""ScyllaDB or Cassandra, bridged to asyncio: prepared and named statements, bounded in time and number.

Only features that cassandra-driver and scylla-driver share are used, so that an image may install either.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    ProtocolVersion,
    RequestValidationException,
    UnresolvableContactPoints,
)
from cassandra import Unavailable as TooFewReplicas
from cassandra.auth import AuthProvider, PlainTextAuthenticator
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, RetryPolicy, TokenAwarePolicy
from cassandra.protocol import ErrorMessage, IsBootstrappingErrorMessage, OverloadedErrorMessage
from cassandra.protocol import RequestValidationException as InvalidMessage
from cassandra.query import (
    BatchStatement,
    BatchType,
    PreparedStatement,
    SimpleStatement,
    Statement,
    named_tuple_factory,
)

from rookery_common.clients.calls import STATEMENT_SECONDS, Instruments, UnknownOutcome, time_left
from rookery_common.clients.cql_bridge import Bridge
from rookery_common.clients.startup import EngineAway
from rookery_common.config import CqlSettings
from rookery_common.credentials import Secret, TrustContext
from rookery_common.errors import DeadlineExceeded, Internal, Unavailable
from rookery_common.logs import get_logger
from rookery_common.side_by_side import side_by_side

MAX_IN_FLIGHT = 128
CONNECT_SECONDS = 5.0
RECONNECT_SECONDS = 1.0
# A process waits so long for its engine; then it ends, and whoever runs it starts it again.
START_SECONDS = 60.0
_CONDITIONAL = re.compile(r"\bIF\b", re.IGNORECASE)
# Engines order the rows of several partitions only in one page.
_IN_ORDER = re.compile(r"\bIN \?.*\bORDER BY\b", re.IGNORECASE)
_TABLE = re.compile(r"\b(FROM|INTO|UPDATE)\s+(\w+)\b(?!\.)", re.IGNORECASE)
_CHECK = SimpleStatement(
    "SELECT key FROM system.local", is_idempotent=True, consistency_level=ConsistencyLevel.LOCAL_ONE
)

NOT_CONNECTED = (NoHostAvailable, OperationTimedOut, ConnectionException, UnresolvableContactPoints)
# What the driver raises for values that a statement has no place for.
_NOT_TAKEN = (TypeError, ValueError, KeyError)
Row = Any  # a named tuple of the statement's columns
Args = Sequence[object] | Mapping[str, object]

instruments = Instruments("cql")
log = get_logger()
# It warns of every attempt to reconnect, each second from each process; whoever needs the engine tells of its absence.
logging.getLogger("cassandra.pool").setLevel(logging.ERROR)


class CqlUnavailable(Unavailable):
    """No coordinator answered, or too few replicas are up; nothing was written."""

    reason = "CQL_UNAVAILABLE"


class CqlRejected(Internal):
    """The statement or its values are wrong: a defect of ours."""

    reason = "CQL_REJECTED"


@dataclass(frozen=True, slots=True)
class _Prepared:
    statement: PreparedStatement
    is_read: bool
    is_conditional: bool


class Cql:
    """A service's keyspace: LOCAL_QUORUM, and LOCAL_SERIAL for what is conditional.

    An unconditional statement is repeated when its outcome is not known, so it must be safe to repeat: no counters, no
    appending to lists, no now() or uuid().
    """

    def __init__(self, settings: CqlSettings, name: str, statements: Mapping[str, str]) -> None:
        self._settings = settings
        self._name = name
        self._texts = dict(statements)
        self._prepared: dict[str, _Prepared] = {}
        self._cluster: Cluster | None = None
        self._session: Session | None = None
        self._bridge: Bridge | None = None
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)

    async def start(self) -> None:
        """Connects and prepares every statement; waits up to a minute for a late engine, then raises EngineAway."""
        self._listen()
        give_up = time.monotonic() + START_SECONDS
        while True:
            try:
                await asyncio.to_thread(self._connect)
                return
            except NOT_CONNECTED as error:
                await self.stop()
                away = engine_away(self._settings, error)
                if time.monotonic() > give_up:
                    raise away from error
                log.warning("cql.connect_failed", client=self._name, error=away.message)
                await asyncio.sleep(1.0)

    def _listen(self) -> None:
        """Results come to the running event loop from now on."""
        self._bridge, self._slots = Bridge(asyncio.get_running_loop()), asyncio.Semaphore(MAX_IN_FLIGHT)

    async def stop(self) -> None:
        cluster, self._cluster, self._session = self._cluster, None, None
        if cluster is not None:
            await asyncio.to_thread(cluster.shutdown)

    async def check(self) -> None:
        """Raises unless a coordinator answers."""
        await self._run("check", _CHECK, is_read=True)

    async def execute(self, name: str, args: Args = (), *, serial: bool = False) -> list[Row]:
        """All rows of the named statement, which bounds them by LIMIT or by key; `serial` reads what LWTs decided."""
        prepared = self._statement(name)
        try:
            bound = prepared.statement.bind(args)
        except _NOT_TAKEN as error:
            raise _rejected(name) from error
        if serial:
            bound.consistency_level = ConsistencyLevel.LOCAL_SERIAL
        return await self._run(name, bound, is_read=prepared.is_read)

    async def execute_conditional(self, name: str, args: Args = ()) -> tuple[bool, Row | None]:
        """Whether the LWT applied, and the row in its way. A timeout is UnknownOutcome and never repeated."""
        rows = await self.execute(name, args)
        return rows[0].applied, (None if rows[0].applied else rows[0])

    async def batch(self, entries: Iterable[tuple[str, Args]], *, logged: bool = True) -> None:
        """All of the writes: atomically if logged; unlogged only where each row may be written alone, and is again."""
        await self._batch(entries, BatchType.LOGGED if logged else BatchType.UNLOGGED)

    async def batch_conditional(self, entries: Iterable[tuple[str, Args]]) -> tuple[bool, list[Row]]:
        """Several writes to one partition, some with conditions: whether all applied, and the rows in the way."""
        rows = await self._batch(entries, BatchType.UNLOGGED)
        return rows[0].applied, ([] if rows[0].applied else rows)

    async def many(self, name: str, args_list: Iterable[Args], *, concurrency: int = 32) -> list[list[Row]]:
        """The statement for each of the arguments, some at a time; results in order; the first failure is raised."""
        calls = list(args_list)
        results: list[list[Row]] = [[] for _ in calls]
        todo = iter(range(len(calls)))

        async def work() -> None:
            for index in todo:
                results[index] = await self.execute(name, calls[index])

        await side_by_side(work, min(concurrency, len(calls)))
        return results

    async def _batch(self, entries: Iterable[tuple[str, Args]], kind: BatchType) -> list[Row]:
        batch = BatchStatement(batch_type=kind)
        names: list[str] = []
        idempotent = True
        for name, args in entries:
            prepared = self._statement(name)
            try:
                batch.add(prepared.statement, args)
            except _NOT_TAKEN as error:
                raise _rejected(name) from error
            idempotent = idempotent and not prepared.is_conditional
            names.append(name)
        if not names:
            return []
        batch.is_idempotent = idempotent
        return await self._run(f"batch:{names[0]}", batch, is_read=False)

    async def _run(self, name: str, statement: Statement, *, is_read: bool) -> list[Row]:
        with instruments.observe(self._name, name):
            try:
                return await self._send(statement, is_read)
            except UnknownOutcome as unknown:
                if not statement.is_idempotent:
                    raise
                try:
                    return await self._send(statement, is_read)
                except DeadlineExceeded:
                    raise unknown from None  # no time for another try: it stays unknown

    async def _send(self, statement: Statement, is_read: bool) -> list[Row]:
        if self._session is None or self._bridge is None:
            raise CqlUnavailable("the database client is not started")
        await self._take_slot()
        try:
            return await self._bridge.wait(self._session.execute_async(statement, timeout=time_left()))
        except (DriverException, NoHostAvailable, ConnectionException, ErrorMessage) as error:
            raise _translate(error, is_read) from error
        finally:
            self._slots.release()

    async def _take_slot(self) -> None:
        left = time_left()
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(left):
                await self._slots.acquire()
        except TimeoutError as error:
            raise CqlUnavailable("too many statements are under way") from error

    def _statement(self, name: str) -> _Prepared:
        try:
            return self._prepared[name]
        except KeyError:
            raise CqlRejected(f"no statement is named {name}") from None

    def _connect(self) -> None:
        settings = self._settings
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.cql_local_dc)),
            retry_policy=_RetryWhatIsSafe(),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
            request_timeout=STATEMENT_SECONDS,
            row_factory=_named_rows,
        )
        self._cluster = connect_cluster(settings, profile)
        self._session = self._cluster.connect()
        for name, text in self._texts.items():
            self._prepared[name] = _prepare(self._session, name, qualified(text, settings.cql_keyspace))


def _rejected(name: str) -> CqlRejected:
    return CqlRejected(f"the statement {name} does not take these values")


def _named_rows(columns: list[str], rows: Sequence[Sequence[object]]) -> list[Row]:
    """The driver's own factory makes a class for each answer, which costs more than to read a row."""
    return list(map(_row_class(tuple(columns))._make, rows))


@functools.cache
def _row_class(columns: tuple[str, ...]) -> Any:
    (row,) = named_tuple_factory(columns, [(None,) * len(columns)])
    return type(row)


def connect_cluster(settings: CqlSettings, profile: ExecutionProfile) -> Cluster:
    """The driver's cluster object, not connected yet."""
    auth = _RenewedLogin(settings) if settings.cql_username else None
    trust = TrustContext.of(settings.cql_ca_file) if settings.cql_tls else None
    return Cluster(
        [host.strip() for host in settings.cql_hosts.split(",")],
        port=settings.cql_port,
        auth_provider=auth,
        ssl_context=trust,
        ssl_options={"server_hostname": settings.cql_tls_name} if trust and settings.cql_tls_name else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        # What ScyllaDB speaks. Cassandra speaks 5, too, whose checksums cost a sixth of each statement here.
        protocol_version=ProtocolVersion.V4,
        compression=False,  # rows are small: CPU is dearer here than the network
        connect_timeout=CONNECT_SECONDS,
        control_connection_timeout=CONNECT_SECONDS,
        # The driver's own policy waits up to ten minutes, for which an engine that is back would stay unused.
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_SECONDS, max_attempts=None),
    )


def engine_away(settings: CqlSettings, error: Exception) -> EngineAway:
    """What an error of `NOT_CONNECTED` means to whoever runs the process."""
    errors = error.errors if isinstance(error, NoHostAvailable) else None
    causes = list(errors.values()) if isinstance(errors, Mapping) else []
    refused = next((str(cause) for cause in causes if isinstance(cause, AuthenticationFailed)), "")
    cause = causes[0] if causes else type(error).__name__
    return EngineAway(
        "cql", f"{settings.cql_hosts} port {settings.cql_port}", "cql_hosts", refused=refused, cause=cause
    )


class _RenewedLogin(AuthProvider):  # type: ignore[misc]  # the driver has no types
    """The role and its password as it is when a connection is made."""

    def __init__(self, settings: CqlSettings) -> None:
        self._username = settings.cql_username
        self._password = Secret(settings.cql_password, settings.cql_password_file)

    def new_authenticator(self, host: str) -> PlainTextAuthenticator:
        return PlainTextAuthenticator(self._username, self._password.current())


def qualified(text: str, keyspace: str) -> str:
    """The statement with its table's keyspace, so that prepared statements need no USE, which servers warn of."""
    return _TABLE.sub(rf"\1 {keyspace}.\2", text)


def _prepare(session: Session, name: str, text: str) -> _Prepared:
    try:
        statement = session.prepare(text)
    except (RequestValidationException, InvalidMessage) as error:
        raise CqlRejected(f"the statement {name} is wrong: {error}") from error
    conditional = _CONDITIONAL.search(text) is not None
    statement.is_idempotent = not conditional
    if _IN_ORDER.search(text):
        statement.fetch_size = None
    return _Prepared(statement, text.lstrip().upper().startswith("SELECT"), conditional)


def _translate(error: Exception, is_read: bool) -> Internal | Unavailable:
    if isinstance(error, RequestValidationException | InvalidMessage):
        return CqlRejected("internal error")
    not_sent = isinstance(error, NoHostAvailable) and not error.errors
    refused = isinstance(error, TooFewReplicas | OverloadedErrorMessage | IsBootstrappingErrorMessage)
    if is_read or not_sent or refused:
        return CqlUnavailable("the database is not available")
    return UnknownOutcome("the database did not say whether it is done")


class _RetryWhatIsSafe(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """The driver's own policy, but what may have run is never sent to another host unless it is safe to repeat."""

    def on_request_error(
        self, query: Statement, consistency: int, error: Exception, retry_num: int
    ) -> tuple[int, int | None]:
        if query.is_idempotent and retry_num == 0:
            return self.RETRY_NEXT_HOST, None
        return self.RETHROW, None
