"""Postgres by asyncpg: a pool for the primary, one for a replica if there is one, named statements, bounded in time.

No session state is set outside of transactions, so connections are not reset between uses: a round trip saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rookery_common.clients.calls import Instruments, UnknownOutcome, time_left
from rookery_common.clients.postgres_access import PgAccess
from rookery_common.config import PostgresSettings
from rookery_common.errors import Aborted, AlreadyExists, AppError, Internal, Unavailable
from rookery_common.logs import get_logger

CONNECT_SECONDS = 3.0
RELEASE_SECONDS = 1.0
CLOSE_SECONDS = 5.0
IDLE_SECONDS = 300.0
SERVER_LIMITS = {
    # Behind the client's own timeouts, for a process that dies or hangs in the middle.
    "statement_timeout": "15000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "30000",
}
Isolation = Literal["read_committed", "repeatable_read", "serializable"]
T = TypeVar("T")
_Start = Callable[[float], Awaitable[T]]

instruments = Instruments("postgres")
log = get_logger()


class PostgresUnavailable(Unavailable):
    """No connection could be had, or it broke before anything was committed."""

    reason = "POSTGRES_UNAVAILABLE"


class StatementTimeout(Unavailable):
    """The statement took longer than it may; its transaction is rolled back."""

    reason = "STATEMENT_TIMEOUT"


class Conflict(Aborted):
    """A deadlock or a serialization failure: repeating the whole transaction may succeed."""

    reason = "TRANSACTION_CONFLICT"


class UniqueViolated(AlreadyExists):
    """A row of that key is there already; `constraint` names which key."""

    reason = "UNIQUE_VIOLATED"

    def __init__(self, constraint: str) -> None:
        super().__init__("a row of this key exists already")
        self.constraint = constraint


class StatementRejected(Internal):
    """The statement itself is wrong: a defect of ours."""

    reason = "STATEMENT_REJECTED"


_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
# The driver's own, for a connection that the server has just cut: nothing was sent over it.
_CUT = asyncpg.exceptions.InternalClientError
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, _CUT, OSError)
_TOO_SLOW = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


def _translate(error: Exception) -> AppError | None:
    if isinstance(error, _TOO_SLOW):
        return StatementTimeout("the database took too long")
    if isinstance(error, asyncpg.DataError):
        return StatementRejected("internal error")
    if isinstance(error, (*_AWAY, _CUT)):
        return PostgresUnavailable("the database is not available")
    if isinstance(error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError):
        return Conflict("the transaction met another one")
    if isinstance(error, asyncpg.UniqueViolationError):
        return UniqueViolated(error.constraint_name or "")
    if isinstance(error, asyncpg.PostgresError):
        return StatementRejected("internal error")
    return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        translated = _translate(error)
        if translated is None:
            raise
        raise translated from error


class PgConnection:
    """One connection, for the length of a transaction or of a read; a statement's name is its metrics' label."""

    def __init__(self, raw: PoolConnectionProxy, client: str) -> None:
        self._raw = raw
        self._client = client

    async def fetch(self, name: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows; the statement bounds how many."""
        return await self._run(name, lambda left: self._raw.fetch(sql, *args, timeout=left))

    async def fetchrow(self, name: str, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, if any."""
        return await self._run(name, lambda left: self._raw.fetchrow(sql, *args, timeout=left))

    async def fetchval(self, name: str, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._run(name, lambda left: self._raw.fetchval(sql, *args, timeout=left))

    async def execute(self, name: str, sql: str, *args: object) -> int:
        """The number of rows that it touched."""
        tag = await self._run(name, lambda left: self._raw.execute(sql, *args, timeout=left))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def executemany(self, name: str, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Once per row, pipelined; outside of a transaction all or none."""
        await self._run(name, lambda left: self._raw.executemany(sql, rows, timeout=left))

    async def _run(self, name: str, start: _Start[T]) -> T:
        left = time_left()
        with instruments.observe(self._client, name), _translated():
            return await start(left)


class Listening:
    """A connection that hears a channel: `heard` is set by each NOTIFY, and cleared by whoever acts on it."""

    def __init__(self, connection: PgConnection) -> None:
        self.connection = connection
        self.heard = asyncio.Event()

    def hear(self, *_notification: object) -> None:
        """What the driver calls."""
        self.heard.set()


class Postgres:
    """A service's database: transactions on the primary, reads on the replica if there is one."""

    def __init__(
        self,
        dsn: str,
        replica_dsn: str | None = None,
        *,
        pool_size: int = 10,
        name: str,
        access: PgAccess | None = None,
    ) -> None:
        self._name = name
        access = access or PgAccess()
        self._primary = _Pool(dsn, pool_size, name, access)
        self._replica = _Pool(replica_dsn, pool_size, name, access) if replica_dsn else None

    @classmethod
    def from_settings(cls, settings: PostgresSettings, *, name: str) -> Postgres:
        """The client of the settings' database."""
        replica = settings.postgres_replica_dsn
        return cls(
            settings.postgres_dsn.get_secret_value(),
            replica.get_secret_value() if replica else None,
            pool_size=settings.postgres_pool_size,
            name=name,
            access=PgAccess.of(settings),
        )

    async def start(self) -> None:
        """Connects to nothing yet: an engine that is late makes the process not ready, it doesn't stop it."""
        for pool in self._pools():
            await pool.open()

    async def stop(self) -> None:
        """Waits for what is under way, then cuts it."""
        for pool in self._pools():
            await pool.close()

    async def check(self) -> None:
        """Raises unless the primary answers."""
        async with self.read(primary=True) as connection:
            await connection.fetchval("check", "SELECT 1")

    @asynccontextmanager
    async def transaction(self, isolation: Isolation = "read_committed") -> AsyncIterator[PgConnection]:
        """Commits when the block ends well, else rolls back. A commit whose answer is lost raises UnknownOutcome."""
        async with self._primary.connection() as raw:
            connection = PgConnection(raw, self._name)
            await connection.execute("begin", _BEGIN[isolation])
            try:
                yield connection
                left = time_left()
            except BaseException:
                await _roll_back(raw)
                raise
            await self._commit(raw, left)

    @asynccontextmanager
    async def read(self, *, primary: bool = False) -> AsyncIterator[PgConnection]:
        """A connection for reading, without a transaction; the primary's where the caller must see its own writes."""
        pool, raw = await self._acquire_for_read(primary)
        try:
            yield PgConnection(raw, self._name)
        finally:
            await pool.release(raw)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Listening]:
        """Takes a connection of the primary out of the pool to hear a channel's NOTIFYs.

        A connection that broke in silence hears nothing: ask something on it now and then. Behind a pooler that gives
        each transaction another connection nothing is heard either.
        """
        async with self._primary.connection() as raw:
            listening = Listening(PgConnection(raw, self._name))
            with instruments.observe(self._name, "listen"), _translated():
                async with asyncio.timeout(time_left()):
                    await raw.add_listener(channel, listening.hear)
            try:
                yield listening
            finally:
                await _stop_listening(raw, channel, listening)

    async def _acquire_for_read(self, primary: bool) -> tuple[_Pool, PoolConnectionProxy]:
        if self._replica is not None and not primary:
            try:
                return self._replica, await self._replica.acquire()
            except PostgresUnavailable:
                log.warning("postgres.replica_away", client=self._name)
        return self._primary, await self._primary.acquire()

    async def _commit(self, raw: PoolConnectionProxy, left: float) -> None:
        with instruments.observe(self._name, "commit"), _translated():
            try:
                tag = await raw.execute("COMMIT", timeout=left)
            except (asyncpg.SerializationError, asyncpg.IntegrityConstraintViolationError):
                raise  # the server says that it rolled back
            except _DRIVER_ERRORS as error:
                raise UnknownOutcome("the database did not say whether it is done") from error
        if tag != "COMMIT":
            raise StatementRejected("internal error")  # a failed statement was ignored: the server rolled back

    def _pools(self) -> list[_Pool]:
        return [self._primary, *([self._replica] if self._replica else [])]


_BEGIN: dict[Isolation, str] = {
    "read_committed": "BEGIN",
    "repeatable_read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
}


class _Pool:
    """Connections to one server, opened when first needed."""

    def __init__(self, dsn: str, size: int, name: str, access: PgAccess) -> None:
        self._dsn = dsn
        self._access = access
        self._size = size
        self._name = name
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._size,
            timeout=CONNECT_SECONDS,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            server_settings={**SERVER_LIMITS, "application_name": self._name},
            reset=_keep_as_it_is,
            **self._access.options(),
        )

    async def close(self) -> None:
        pool = self._opened()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            log.warning("postgres.close_timed_out", client=self._name)
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        raw = await self.acquire()
        try:
            yield raw
        finally:
            await self.release(raw)

    async def acquire(self) -> PoolConnectionProxy:
        """Waits for a free connection no longer than a statement may take."""
        left = time_left()
        with instruments.observe(self._name, "acquire"):
            try:
                return await self._opened().acquire(timeout=left)
            except _DRIVER_ERRORS as error:
                raise PostgresUnavailable("the database is not available") from error

    async def release(self, raw: PoolConnectionProxy) -> None:
        try:
            await self._opened().release(raw, timeout=RELEASE_SECONDS)
        except _DRIVER_ERRORS as error:
            # The pool has dropped the connection; what was done with it is done, and must not look failed.
            log.warning("postgres.release_failed", client=self._name, error=type(error).__name__)

    def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            raise PostgresUnavailable("the database client is not started")
        return self._pool


async def _keep_as_it_is(_connection: asyncpg.Connection) -> None:
    """Instead of asyncpg's RESET ALL; an open transaction is rolled back by the pool before this."""


async def _stop_listening(raw: PoolConnectionProxy, channel: str, listening: Listening) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await raw.remove_listener(channel, listening.hear)
    except TimeoutError:
        _drop(raw)
    except _DRIVER_ERRORS as error:
        # The connection is lost, and with it what it listened to.
        log.warning("postgres.listening_lost", error=type(error).__name__)


async def _roll_back(raw: PoolConnectionProxy) -> None:
    try:
        await raw.execute("ROLLBACK", timeout=RELEASE_SECONDS)
    except _DRIVER_ERRORS:
        _drop(raw)  # the server rolls back what loses its connection


def _drop(raw: PoolConnectionProxy) -> None:
    """Cuts a connection that is in an unknown state; the pool makes a new one."""
    with suppress(asyncpg.InterfaceError):  # the driver has found out by itself, and taken it back
        raw.terminate()
