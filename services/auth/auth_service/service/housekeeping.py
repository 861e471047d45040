"""Deletes, a bounded number at a time, what nobody can use any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

INTERVAL_SECONDS = 60.0
# How long each kind is kept: codes so that a late reuse is still noticed, revocations for gateways that come back.
KEEP = {
    "codes": timedelta(days=1),
    "sessions": timedelta(days=30),
    "tries": timedelta(hours=1),
    "revocations": timedelta(days=7),
}
log = get_logger()


class Housekeeping:
    """Component: goes round once a minute; replicas may do so at the same time."""

    def __init__(self, repository: AuthRepository, accounts: AccountRepository, clock: Clock) -> None:
        self._repository = repository
        self._accounts = accounts
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="auth-housekeeping")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def round(self) -> int:
        """One pass over all kinds; how many rows it deleted."""
        now = self._clock.now()
        deleted = await self._accounts.purge_challenges(now)
        return deleted + sum([await self._repository.purge(kind, now - keep) for kind, keep in KEEP.items()])

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.round()
            except AppError as error:
                log.warning("auth.housekeeping_failed", reason=error.reason)
            else:
                log.debug("auth.housekeeping_done", rows=deleted)
            await self._clock.sleep(INTERVAL_SECONDS)
