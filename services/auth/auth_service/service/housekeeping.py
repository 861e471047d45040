"""Deletes, a bounded number at a time, what nobody can use any more."""

from __future__ import annotations

from datetime import timedelta

from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from rookery_common.clock import Clock
from rookery_common.logs import get_logger
from rookery_common.rounds import Rounds

INTERVAL_SECONDS = 60.0
# How long each kind is kept: codes so that a late reuse is still noticed, revocations for gateways that come back.
KEEP = {
    "codes": timedelta(days=1),
    "sessions": timedelta(days=30),
    "tries": timedelta(hours=1),
    "revocations": timedelta(days=7),
}
log = get_logger()


class Housekeeping(Rounds):
    """Once a minute; replicas may do so at the same time."""

    def __init__(self, repository: AuthRepository, accounts: AccountRepository, clock: Clock) -> None:
        super().__init__("auth.housekeeping", clock, every=INTERVAL_SECONDS)
        self._repository = repository
        self._accounts = accounts

    async def round(self) -> bool:
        """One pass over all kinds."""
        now = self._clock.now()
        deleted = await self._accounts.purge_challenges(now)
        deleted += sum([await self._repository.purge(kind, now - keep) for kind, keep in KEEP.items()])
        log.debug("auth.housekeeping_done", rows=deleted)
        return False
