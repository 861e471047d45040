"""Leases of Snowflake worker numbers, kept in the service's own store, so that no two processes mint the same id."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from rookery_common.clock import Clock
from rookery_common.errors import AppError, Unavailable
from rookery_common.ids import MAX_WORKER
from rookery_common.logs import get_logger

if TYPE_CHECKING:  # Each store is an extra of this package; a service has one of them.
    from rookery_common.clients.cassandra import Cql
    from rookery_common.clients.postgres import Postgres

TTL_SECONDS = 30.0
# In the store a lease outlasts what its holder believes: for clocks that run at different speeds, and so that a number
# that is given back rests for longer than ids may run ahead of the clock.
REST_SECONDS = 5.0
RETRY_SECONDS = 1.0
log = get_logger()

POSTGRES_WORKER_LEASES_DDL = """
CREATE TABLE worker_leases (
    worker integer PRIMARY KEY,
    holder text NOT NULL,
    fence bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
"""
CQL_WORKER_LEASES_DDL = """
CREATE TABLE IF NOT EXISTS worker_leases (
    worker int PRIMARY KEY,
    holder text,
    fence bigint,
    expires_at timestamp
);
"""


class NoWorkerNumber(Unavailable):
    """This process holds no worker number, or can't be sure that it still does."""

    reason = "NO_WORKER_NUMBER"


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker number and its fencing token, which grows each time that the number changes hands."""

    worker: int
    fence: int


class WorkerLease(ABC):
    """Holds one worker number out of the service's range, renewing it three times in its life.

    Validity is measured on the monotonic clock from before the request that got or renewed it, so that a process that
    was paused stops minting before its number can belong to another.
    """

    def __init__(self, clock: Clock, workers: range, *, ttl_seconds: float = TTL_SECONDS) -> None:
        if not workers or workers[0] < 0 or workers[-1] > MAX_WORKER:
            raise ValueError(f"worker numbers are between 0 and {MAX_WORKER}")
        self._clock = clock
        self._workers = workers
        self._ttl = ttl_seconds
        self._holder = f"{socket.gethostname()}/{os.getpid()}"
        self._lease: Lease | None = None
        self._valid_until = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Asks for a number. A store that is away makes the process not ready; it goes on asking."""
        await self.refresh()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Gives the number back."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._release(lease)

    def worker(self) -> int:
        """The number, for Snowflake. Raises NoWorkerNumber once the lease may be over."""
        if self._lease is None or self._clock.monotonic() >= self._valid_until:
            raise NoWorkerNumber("ids can't be minted right now", retry_after=RETRY_SECONDS)
        return self._lease.worker

    async def check(self) -> None:
        """For readiness."""
        if self._task is not None and self._task.done():
            self._task.result()
        self.worker()

    async def refresh(self) -> None:
        """Renews the lease, or gets another if it was lost; what goes wrong is tried again a second later."""
        asked = self._clock.monotonic()
        try:
            if self._lease is not None and not await self._renew(self._lease):
                log.warning("ids.lease_lost", worker=self._lease.worker, fence=self._lease.fence)
                self._lease = None
            if self._lease is None:
                self._lease = await self._claim()
                log.info("ids.lease_claimed", worker=self._lease.worker, fence=self._lease.fence)
        except AppError as error:
            log.warning("ids.lease_not_renewed", reason=error.reason)
            return
        self._valid_until = asked + self._ttl

    async def _keep(self) -> None:
        while True:
            fresh = self._lease is not None and self._valid_until - self._clock.monotonic() > self._ttl / 2
            await self._clock.sleep(self._ttl / 3 if fresh else RETRY_SECONDS)
            await self.refresh()

    @abstractmethod
    async def _claim(self) -> Lease:
        """A number that nobody holds. Raises NoWorkerNumber if there is none."""

    @abstractmethod
    async def _renew(self, lease: Lease) -> bool:
        """Whether it is still ours."""

    @abstractmethod
    async def _release(self, lease: Lease) -> None: ...


class PostgresWorkerLease(WorkerLease):
    """Takes the free number that has rested longest; times are the server's."""

    _CLAIM = """
        UPDATE worker_leases SET holder = $1, fence = fence + 1, expires_at = now() + $2
        WHERE worker = (
            SELECT worker FROM worker_leases WHERE worker BETWEEN $3 AND $4 AND expires_at < now()
            ORDER BY expires_at, worker LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING worker, fence"""
    _FILL = """
        INSERT INTO worker_leases (worker, holder, fence, expires_at)
        SELECT number, '', 0, 'epoch' FROM generate_series($1::int, $2::int) AS number
        ON CONFLICT (worker) DO NOTHING"""
    _EXTEND = "UPDATE worker_leases SET expires_at = now() + $3 WHERE worker = $1 AND fence = $2"

    def __init__(self, pg: Postgres, clock: Clock, workers: range, *, ttl_seconds: float = TTL_SECONDS) -> None:
        super().__init__(clock, workers, ttl_seconds=ttl_seconds)
        self._pg = pg

    async def _claim(self) -> Lease:
        first, last = self._workers[0], self._workers[-1]
        async with self._pg.transaction() as tx:
            await tx.execute("worker_lease_fill", self._FILL, first, last)
            row = await tx.fetchrow("worker_lease_claim", self._CLAIM, self._holder, self._term(), first, last)
        if row is None:
            raise NoWorkerNumber("all worker numbers are taken")
        return Lease(row["worker"], row["fence"])

    async def _renew(self, lease: Lease) -> bool:
        async with self._pg.transaction() as tx:
            args = (lease.worker, lease.fence, self._term())
            return await tx.execute("worker_lease_renew", self._EXTEND, *args) == 1

    async def _release(self, lease: Lease) -> None:
        async with self._pg.transaction() as tx:
            args = (lease.worker, lease.fence, timedelta(seconds=REST_SECONDS))
            await tx.execute("worker_lease_release", self._EXTEND, *args)

    def _term(self) -> timedelta:
        return timedelta(seconds=self._ttl + REST_SECONDS)


class CqlWorkerLease(WorkerLease):
    """Takes a free number by a conditional insert with a TTL, so that the store itself forgets a dead holder.

    `statements` go among the service's own. The fencing token is the time of the claim.
    """

    statements: ClassVar[dict[str, str]] = {
        "worker_lease_claim": (
            "INSERT INTO worker_leases (worker, holder, fence, expires_at) VALUES (?, ?, ?, ?) "
            "IF NOT EXISTS USING TTL ?"
        ),
        "worker_lease_renew": (
            "UPDATE worker_leases USING TTL ? SET holder = ?, fence = ?, expires_at = ? WHERE worker = ? IF fence = ?"
        ),
    }

    def __init__(self, cql: Cql, clock: Clock, workers: range, *, ttl_seconds: float = TTL_SECONDS) -> None:
        super().__init__(clock, workers, ttl_seconds=ttl_seconds)
        self._cql = cql

    async def _claim(self) -> Lease:
        fence, term = self._clock.unix_ms(), self._ttl + REST_SECONDS
        expires = self._clock.now() + timedelta(seconds=term)
        # In random order, so that processes that start together seldom meet.
        for worker in random.sample(self._workers, len(self._workers)):
            args = [worker, self._holder, fence, expires, int(term)]
            applied, _ = await self._cql.execute_conditional("worker_lease_claim", args)
            if applied:
                return Lease(worker, fence)
        raise NoWorkerNumber("all worker numbers are taken")

    async def _renew(self, lease: Lease) -> bool:
        return await self._extend(lease, self._ttl + REST_SECONDS)

    async def _release(self, lease: Lease) -> None:
        await self._extend(lease, REST_SECONDS)

    async def _extend(self, lease: Lease, seconds: float) -> bool:
        expires = self._clock.now() + timedelta(seconds=seconds)
        args = [int(seconds), self._holder, lease.fence, expires, lease.worker, lease.fence]
        applied, _ = await self._cql.execute_conditional("worker_lease_renew", args)
        return applied
