"""The rules of deleting an account."""

from __future__ import annotations

from collections.abc import Collection

from rookery_common.clock import Clock
from rookery_common.erasure import Eraser
from rookery_common.errors import AppError
from rookery_common.logs import get_logger
from user_service.deletions.models import SETTLES_AFTER
from user_service.deletions.repository import DeletionRepository
from user_service.errors import AccountNotFound, FieldInvalid
from user_service.events import Events
from user_service.metrics import ACCOUNTS_DELETED
from user_service.service import Caches

log = get_logger()


class Deletions:
    """Ends accounts; what is kept of them is erased by a worker."""

    def __init__(
        self,
        repository: DeletionRepository,
        caches: Caches,
        events: Events,
        sessions: Eraser,
        services: Collection[str],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._sessions = sessions
        self._services = services
        self._clock = clock

    async def delete(self, account_id: int, username: str) -> None:
        """Nobody finds the account from now on, and its sessions have ended. Raises FieldInvalid, AccountNotFound."""
        now = self._clock.now()
        async with self._repository.transaction() as tx:
            account = await tx.lock(account_id)
            if account is not None:
                if username.strip().removeprefix("@").lower() != account.username.lower():
                    raise FieldInvalid("username", "is not the account's", "ERR_CONFIRMATION")
                await tx.delete(account_id, self._services, now, now + SETTLES_AFTER)
                tx.emit(self._events.account_deleted(account_id, account.version + 1))
            elif not await tx.is_deleted(account_id):
                raise AccountNotFound("there is no such account")
        # Also when it was deleted before: an earlier try may have died between its commit and this.
        await self._caches.changed([account_id])
        if account is not None:
            ACCOUNTS_DELETED.inc()
            log.info("user.account_deleted", account_id=account_id)
        await self._end_sessions(account_id)

    async def _end_sessions(self, account_id: int) -> None:
        """At once, where auth is there: the worker asks it in any case."""
        try:
            await self._sessions.erase(account_id)
        except AppError as error:
            log.warning("user.sessions_left_to_worker", account_id=account_id, reason=error.reason)
