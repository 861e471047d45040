"""Connections to one Postgres server: a pool of them, named statements bounded in time, and what can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rookery_common.clients.calls import Instruments, time_left
from rookery_common.clients.postgres_access import PgAccess
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
T = TypeVar("T")
Statement = Callable[[PoolConnectionProxy, float], Awaitable[T]]

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
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, _CUT, OSError)
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


class _Translated:
    """Blocks in which the driver's errors are raised as ours."""

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DRIVER_ERRORS) and (ours := _translate(error)) is not None:
            raise ours from error


TRANSLATED = _Translated()


class PgConnection:
    """One connection, for the length of a transaction or of a read; a statement's name is its metrics' label."""

    def __init__(self, raw: PoolConnectionProxy, client: str) -> None:
        self._raw = raw
        self._client = client

    async def fetch(self, name: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows; the statement bounds how many."""
        return await self._run(name, lambda raw, left: raw.fetch(sql, *args, timeout=left))

    async def fetchrow(self, name: str, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, if any."""
        return await self._run(name, lambda raw, left: raw.fetchrow(sql, *args, timeout=left))

    async def fetchval(self, name: str, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._run(name, lambda raw, left: raw.fetchval(sql, *args, timeout=left))

    async def execute(self, name: str, sql: str, *args: object) -> int:
        """The number of rows that it touched."""
        tag = await self._run(name, lambda raw, left: raw.execute(sql, *args, timeout=left))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def executemany(self, name: str, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Once per row, pipelined; outside of a transaction all or none."""
        await self._run(name, lambda raw, left: raw.executemany(sql, rows, timeout=left))

    async def _run(self, name: str, statement: Statement[T]) -> T:
        left = time_left()
        with instruments.observe(self._client, name), TRANSLATED:
            return await statement(self._raw, left)


class Pool:
    """Connections to one server, opened when first needed."""

    def __init__(self, dsn: str, size: int, name: str, access: PgAccess) -> None:
        self._dsn = dsn
        self._access = access
        self._size = size
        self._name = name
        self._pool: asyncpg.Pool | None = None

    def elsewhere(self, dsn: str) -> Pool:
        """The like, of another server."""
        return Pool(dsn, self._size, self._name, self._access)

    def of_size(self, size: int) -> Pool:
        """The like, of so many connections."""
        return Pool(self._dsn, size, self._name, self._access)

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
            except DRIVER_ERRORS as error:
                raise PostgresUnavailable("the database is not available") from error

    async def release(self, raw: PoolConnectionProxy) -> None:
        try:
            await self._opened().release(raw, timeout=RELEASE_SECONDS)
        except DRIVER_ERRORS as error:
            # The pool has dropped the connection; what was done with it is done, and must not look failed.
            log.warning("postgres.release_failed", client=self._name, error=type(error).__name__)

    def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            raise PostgresUnavailable("the database client is not started")
        return self._pool


async def _keep_as_it_is(_connection: asyncpg.Connection) -> None:
    """Instead of asyncpg's RESET ALL; an open transaction is rolled back by the pool before this."""
