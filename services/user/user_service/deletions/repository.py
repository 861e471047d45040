"""Statements of deletions and of what is left to be erased; all on the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.counts import add_to_community
from user_service.deletions.models import Erasure, ErasureProgress, Outcome
from user_service.models import Account
from user_service.rows import ACCOUNT_COLUMNS, account_of

# Whoever writes for the account locks its row before, and finds it gone after.
_LOCK_ACCOUNT = f"SELECT {ACCOUNT_COLUMNS} FROM accounts a WHERE a.account_id = $1 FOR UPDATE"  # noqa: S608 - our columns
_DELETE_ACCOUNT = "DELETE FROM accounts WHERE account_id = $1"
_DELETE_SETTINGS = "DELETE FROM account_settings WHERE account_id = $1"
_NOTE_DELETION = "INSERT INTO account_deletions (account_id, deleted_at) VALUES ($1, $2)"
_OPEN_ERASURES = """
INSERT INTO erasures (account_id, service, settles_at, due_at)
SELECT $1, service, $3, $4 FROM unnest($2::text[]) AS q (service)
"""
_IS_DELETED = "SELECT EXISTS (SELECT FROM account_deletions WHERE account_id = $1)"
# Whoever has waited longest, so that an account with much to erase holds up no other. Chosen apart, since as a subquery
# some plans would choose anew for each row that they look at.
CLAIM = """
WITH due AS (
  SELECT account_id, service FROM erasures WHERE done_at IS NULL AND due_at <= $1 AND service = ANY($3::text[])
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE erasures SET due_at = $2 WHERE (account_id, service) IN (SELECT account_id, service FROM due)
RETURNING account_id, service, settles_at, failures
"""
_RECORD = """
UPDATE erasures SET due_at = $3, erased = erased + $4, failures = $5, reason = $6, done_at = $7
WHERE account_id = $1 AND service = $2 AND done_at IS NULL
"""
# One after another for each account, so that one of them is the last.
_LOCK_DELETION = "SELECT account_id FROM account_deletions WHERE account_id = $1 FOR UPDATE"
_FINISH = """
UPDATE account_deletions SET finished_at = $2 WHERE account_id = $1 AND finished_at IS NULL
AND NOT EXISTS (SELECT FROM erasures WHERE account_id = $1 AND done_at IS NULL)
"""
OPEN = """
SELECT d.account_id, d.deleted_at, e.service, e.erased, e.failures, e.reason, e.done_at IS NOT NULL AS done
FROM (SELECT account_id, deleted_at FROM account_deletions WHERE finished_at IS NULL ORDER BY deleted_at LIMIT $1) d
JOIN erasures e ON e.account_id = d.account_id
ORDER BY d.deleted_at, d.account_id, e.service
"""


async def is_deleted(tx: PgConnection, account_id: int) -> bool:
    """Whether this was an account."""
    return bool(await tx.fetchval("account_deleted", _IS_DELETED, account_id))


class DeletionTransaction:
    """The end of an account and the event that tells of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def lock(self, account_id: int) -> Account | None:
        """The account, which nobody writes for until the transaction ends; None if there is none."""
        row = await self._tx.fetchrow("deletion_lock", _LOCK_ACCOUNT, account_id)
        return account_of(row) if row else None

    async def is_deleted(self, account_id: int) -> bool:
        """Whether this was an account."""
        return await is_deleted(self._tx, account_id)

    async def delete(self, account_id: int, services: Collection[str], now: datetime, settles_at: datetime) -> None:
        """Takes the account out of everything that is shown, and opens what is to be erased of it."""
        await self._tx.execute("account_delete", _DELETE_ACCOUNT, account_id)
        await self._tx.execute("settings_delete", _DELETE_SETTINGS, account_id)
        await self._tx.execute("deletion_note", _NOTE_DELETION, account_id, now)
        await self._tx.execute("erasures_open", _OPEN_ERASURES, account_id, list(services), settles_at, now)
        await add_to_community(self._tx, account_id, accounts=-1)


class DeletionRepository:
    """Accounts as they are deleted."""

    def __init__(self, outbox: PostgresOutbox) -> None:
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DeletionTransaction]:
        """A change on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield DeletionTransaction(tx)


class ErasureRepository:
    """What each service has left to erase of deleted accounts."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def claim(self, now: datetime, until: datetime, services: Sequence[str]) -> Erasure | None:
        """What has waited longest of these services, which nobody else gets until then."""
        async with self._pg.transaction() as tx:
            row = await tx.fetchrow("erasure_claim", CLAIM, now, until, services)
        return Erasure(**row) if row else None

    async def record(self, job: Erasure, outcome: Outcome) -> bool:
        """What came of it; whether nothing is left of the account anywhere, and was before."""
        args = (outcome.due_at, outcome.erased, outcome.failures, outcome.reason, outcome.done_at)
        async with self._pg.transaction() as tx:
            await tx.fetchrow("deletion_await", _LOCK_DELETION, job.account_id)
            await tx.execute("erasure_record", _RECORD, job.account_id, job.service, *args)
            if outcome.done_at is None:
                return False
            return await tx.execute("deletion_finish", _FINISH, job.account_id, outcome.done_at) == 1

    async def open(self, limit: int) -> list[ErasureProgress]:
        """How far each service is with the accounts that were deleted first and are not finished."""
        async with self._pg.read(primary=True) as connection:
            return [ErasureProgress(**row) for row in await connection.fetch("deletions_open", OPEN, limit)]
