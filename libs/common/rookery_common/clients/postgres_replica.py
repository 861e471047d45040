"""A replica of Postgres, read only while it is known to have all that was committed until a few seconds ago.

Each second the primary is asked how far its log goes, and then the replica how far it has got. So nothing rests on
clocks, and a replica that is cut off is found out like one that is slow. What it fails to answer, the primary is asked.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from asyncpg.pool import PoolConnectionProxy
from prometheus_client import Counter, Gauge

from rookery_common.clients.postgres_connections import (
    Conflict,
    PgConnection,
    Pool,
    PostgresUnavailable,
    Statement,
    StatementRejected,
    T,
)
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

# How far behind what is read at a replica may be.
REPLICA_LAG_SECONDS = 5.0
LOOK_SECONDS = 1.0
# Moments that are remembered; a replica that is further behind has none to show.
MOMENTS = 16
# Not one of the service's own: those may all be waiting.
_LOOKING = 1
# The log's positions are bytes from its beginning. A server that is no replica, or no longer, has replayed nothing.
_WRITTEN = "SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint"
_REPLAYED = "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint WHERE pg_is_in_recovery()"

BEHIND = Gauge(
    "rookery_postgres_replica_behind_seconds", "How old what the replica has may be; infinite if unknown.", ["client"]
)
READS = Counter(
    "rookery_postgres_replica_reads_total", "Reads that a replica might do: by it, or why not.", ["client", "result"]
)
log = get_logger()


class Progress:
    """Until when a replica has everything, by moments at which it was noted how far the primary had written."""

    def __init__(self) -> None:
        self._written: deque[tuple[float, int]] = deque(maxlen=MOMENTS)
        self.complete_until = -math.inf

    def written(self, moment: float, position: int) -> None:
        """A primary that is before where it was is another one: what was known of the last counts no more."""
        if self._written and position < self._written[-1][1]:
            self.forget()
        self._written.append((moment, position))

    def replayed(self, position: int) -> None:
        """The replica has all up to there."""
        while self._written and self._written[0][1] <= position:
            self.complete_until = self._written.popleft()[0]

    def forget(self) -> None:
        """Nothing is known of it until it is looked at again."""
        self._written.clear()
        self.complete_until = -math.inf


class Replica:
    """One replica, watched from start to stop."""

    def __init__(self, pool: Pool, primary: Pool, looking: Pool, client: str) -> None:
        self._pool = pool
        self._primary = primary
        self._looking = looking
        self._client = client
        self._progress = Progress()
        self._watch: asyncio.Task[None] | None = None
        self._trusted = False

    async def open(self) -> None:
        """Connects to nothing yet, and trusts nothing."""
        await self._pool.open()
        await self._looking.open()
        self._watch = asyncio.create_task(self._keep_looking(), name="postgres-replica")

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._looking.close()
        await self._pool.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[PgConnection]:
        """A connection for reading: the primary's where the replica can't be had, or is too far behind."""
        async with AsyncExitStack() as stack:
            raw = await self._connected(stack) if self._is_fresh() else None
            if raw is not None:
                READS.labels(self._client, "replica").inc()
                yield _FromReplica(raw, self._client, self, stack)
            else:
                yield PgConnection(await self.at_primary(stack), self._client)

    async def at_primary(self, stack: AsyncExitStack) -> PoolConnectionProxy:
        """One of the primary's connections, for as long as the stack is open."""
        return await stack.enter_async_context(self._primary.connection())

    def failed(self, error: AppError) -> None:
        """What it was asked it did not answer. One that is away is not asked again until it has been looked at."""
        READS.labels(self._client, "failed").inc()
        if isinstance(error, PostgresUnavailable):
            self._progress.forget()

    async def look(self) -> None:
        """Notes how far the replica is. Raises AppError where one of the two can't be asked."""
        moment = time.monotonic()
        async with self._looking.connection() as raw:
            written = await PgConnection(raw, self._client).fetchval("primary_written", _WRITTEN)
        self._progress.written(moment, written)
        async with self._pool.connection() as raw:
            replayed = await PgConnection(raw, self._client).fetchval("replica_replayed", _REPLAYED)
        if replayed is None:
            raise PostgresUnavailable("the server named as the replica is none")
        self._progress.replayed(replayed)

    async def _connected(self, stack: AsyncExitStack) -> PoolConnectionProxy | None:
        try:
            return await stack.enter_async_context(self._pool.connection())
        except PostgresUnavailable as error:
            self.failed(error)
            return None

    def _is_fresh(self) -> bool:
        fresh = self._behind() <= REPLICA_LAG_SECONDS
        if not fresh:
            READS.labels(self._client, "behind").inc()
        return fresh

    def _behind(self) -> float:
        return time.monotonic() - self._progress.complete_until

    async def _keep_looking(self) -> None:
        while True:
            reason = "behind"
            try:
                await self.look()
            except AppError as error:
                reason = error.reason
            behind = self._behind()
            BEHIND.labels(self._client).set(behind)
            self._tell(behind <= REPLICA_LAG_SECONDS, reason)
            await asyncio.sleep(LOOK_SECONDS)

    def _tell(self, trusted: bool, reason: str) -> None:
        if trusted and not self._trusted:
            log.info("postgres.replica_trusted", client=self._client)
        elif self._trusted and not trusted:
            log.warning("postgres.replica_not_trusted", client=self._client, reason=reason)
        self._trusted = trusted


class _FromReplica(PgConnection):
    """A read at the replica that goes on at the primary once a statement fails: its schema may be behind, too."""

    def __init__(self, raw: PoolConnectionProxy, client: str, replica: Replica, stack: AsyncExitStack) -> None:
        super().__init__(raw, client)
        self._replica: Replica | None = replica
        self._stack = stack

    async def _run(self, name: str, statement: Statement[T]) -> T:
        if self._replica is not None:
            try:
                return await super()._run(name, statement)
            except (PostgresUnavailable, Conflict, StatementRejected) as error:
                replica, self._replica = self._replica, None
                replica.failed(error)
                self._raw = await replica.at_primary(self._stack)
        return await super()._run(name, statement)


def replica_of(primary: Pool, dsn: str, client: str) -> Replica:
    """The replica at this address, by as many connections as the primary's, and one more to the primary."""
    return Replica(primary.elsewhere(dsn), primary, primary.of_size(_LOOKING), client)
