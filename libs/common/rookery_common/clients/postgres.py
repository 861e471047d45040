"""Postgres by asyncpg: a pool for the primary, one for a replica if there is one, named statements, bounded in time.

No session state is set outside of transactions, so connections are not reset between uses: a round trip saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Literal

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rookery_common.clients.calls import UnknownOutcome, time_left
from rookery_common.clients.postgres_access import PgAccess
from rookery_common.clients.postgres_connections import (
    DRIVER_ERRORS,
    RELEASE_SECONDS,
    TRANSLATED,
    Conflict,
    PgConnection,
    Pool,
    PostgresUnavailable,
    StatementRejected,
    StatementTimeout,
    UniqueViolated,
    instruments,
)
from rookery_common.clients.postgres_replica import Replica, replica_of
from rookery_common.config import PostgresSettings
from rookery_common.logs import get_logger

__all__ = [
    "Conflict",
    "Isolation",
    "Listening",
    "PgConnection",
    "Postgres",
    "PostgresUnavailable",
    "StatementRejected",
    "StatementTimeout",
    "UniqueViolated",
]

Isolation = Literal["read_committed", "repeatable_read", "serializable"]
log = get_logger()


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
        self._primary = Pool(dsn, pool_size, name, access or PgAccess())
        self._replica = replica_of(self._primary, replica_dsn, name) if replica_dsn else None

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
        for server in self._servers():
            await server.open()

    async def stop(self) -> None:
        """Waits for what is under way, then cuts it."""
        for server in reversed(self._servers()):
            await server.close()

    async def check(self) -> None:
        """Raises unless the primary answers."""
        async with self.read(primary=True) as connection:
            await connection.fetchval("check", "SELECT 1")

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation = "read_committed", *, locks: Collection[int] = (), patience: float | None = None
    ) -> AsyncIterator[PgConnection]:
        """Commits when the block ends well, else rolls back. A commit whose answer is lost raises UnknownOutcome.

        It begins once it has the advisory locks of these numbers, by the same round trip and in one order everywhere,
        and gives them back in the end. Where it has waited for one of these for `patience` seconds it raises
        StatementTimeout; rows are waited for as ever.
        """
        async with self._primary.connection() as raw:
            connection = PgConnection(raw, self._name)
            try:
                await connection.execute("begin", _begin(isolation, locks, patience))
                yield connection
                left = time_left()
            except BaseException:
                await _roll_back(raw)
                raise
            await self._commit(raw, left)

    async def execute(self, name: str, sql: str, *args: object) -> int:
        """How many rows a statement touched that is a transaction of its own, and may be repeated."""
        async with self._primary.connection() as raw:
            return await PgConnection(raw, self._name).execute(name, sql, *args)

    @asynccontextmanager
    async def read(self, *, primary: bool = False) -> AsyncIterator[PgConnection]:
        """A connection for reading, without a transaction; the primary's where the caller must see its own writes.

        What a replica answers may be REPLICA_LAG_SECONDS old, never more.
        """
        if self._replica is not None and not primary:
            async with self._replica.read() as connection:
                yield connection
        else:
            async with self._primary.connection() as raw:
                yield PgConnection(raw, self._name)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Listening]:
        """Takes a connection of the primary out of the pool to hear a channel's NOTIFYs.

        A connection that broke in silence hears nothing: ask something on it now and then. Behind a pooler that gives
        each transaction another connection nothing is heard either.
        """
        async with self._primary.connection() as raw:
            listening = Listening(PgConnection(raw, self._name))
            with instruments.observe(self._name, "listen"), TRANSLATED:
                async with asyncio.timeout(time_left()):
                    await raw.add_listener(channel, listening.hear)
            try:
                yield listening
            finally:
                await _stop_listening(raw, channel, listening)

    async def _commit(self, raw: PoolConnectionProxy, left: float) -> None:
        with instruments.observe(self._name, "commit"), TRANSLATED:
            try:
                tag = await raw.execute("COMMIT", timeout=left)
            except (asyncpg.SerializationError, asyncpg.IntegrityConstraintViolationError):
                raise  # the server says that it rolled back
            except DRIVER_ERRORS as error:
                raise UnknownOutcome("the database did not say whether it is done") from error
        if tag != "COMMIT":
            raise StatementRejected("internal error")  # a failed statement was ignored: the server rolled back

    def _servers(self) -> list[Pool | Replica]:
        return [self._primary, *([self._replica] if self._replica else [])]


_LOCK = "SELECT pg_advisory_xact_lock(%d)"
_PATIENCE = "SET LOCAL lock_timeout = %d"  # milliseconds
_AS_EVER = "SET LOCAL lock_timeout TO DEFAULT"
_BEGIN: dict[Isolation, str] = {
    "read_committed": "BEGIN",
    "repeatable_read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
}


def _begin(isolation: Isolation, locks: Collection[int], patience: float | None) -> str:
    """All that a transaction begins with."""
    wanted = [_LOCK % lock for lock in sorted(set(locks))]
    if patience is not None:
        wanted = [_PATIENCE % max(1, round(patience * 1000)), *wanted, _AS_EVER]
    return "; ".join([_BEGIN[isolation], *wanted])


async def _stop_listening(raw: PoolConnectionProxy, channel: str, listening: Listening) -> None:
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await raw.remove_listener(channel, listening.hear)
    except TimeoutError:
        _drop(raw)
    except DRIVER_ERRORS as error:
        # The connection is lost, and with it what it listened to.
        log.warning("postgres.listening_lost", error=type(error).__name__)


async def _roll_back(raw: PoolConnectionProxy) -> None:
    try:
        await raw.execute("ROLLBACK", timeout=RELEASE_SECONDS)
    except DRIVER_ERRORS:
        _drop(raw)  # the server rolls back what loses its connection


def _drop(raw: PoolConnectionProxy) -> None:
    """Cuts a connection that is in an unknown state; the pool makes a new one."""
    with suppress(asyncpg.InterfaceError):  # the driver has found out by itself, and taken it back
        raw.terminate()
