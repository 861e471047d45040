"""Mails that another service has written: statements, each method one transaction or one read."""

from __future__ import annotations

from datetime import datetime

from auth_service.written_models import WrittenMail
from rookery_common.clients.postgres import Postgres

PURGE_ROWS = 1000
_ADD = """
INSERT INTO written_mails (mail_id, account_id, data_key, content, created_at, next_try_at)
VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (mail_id) DO NOTHING"""
# Chosen apart, since as a subquery some plans would choose anew for each row that they look at.
_CLAIM = """
WITH due AS
  (SELECT mail_id FROM written_mails WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE written_mails SET next_try_at = $2, tries = tries + 1 WHERE mail_id IN (SELECT mail_id FROM due)
RETURNING mail_id, account_id, data_key, content, created_at, tries, handed_over"""
_HAND_OVER = "UPDATE written_mails SET handed_over = true WHERE mail_id = $1 AND NOT handed_over"
_DELAY = "UPDATE written_mails SET next_try_at = $2, handed_over = false WHERE mail_id = $1"
_SETTLE = "UPDATE written_mails SET next_try_at = NULL, content = '', data_key = '' WHERE mail_id = $1"
_PURGE = """
DELETE FROM written_mails WHERE mail_id IN
  (SELECT mail_id FROM written_mails WHERE created_at < $1 AND next_try_at IS NULL LIMIT $2)"""
_LAST_SEEN = """
SELECT max(coalesce(u.used_at, s.created_at)) FROM
  (SELECT session_id, created_at FROM sessions WHERE account_id = $1 ORDER BY session_id DESC LIMIT 1000) s
LEFT JOIN session_uses u USING (session_id)"""


class WrittenMailRepository:
    """Raises Unavailable while Postgres is away."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def add(self, mail: WrittenMail) -> None:
        """Due at once; one of the same id that is there already stays as it is."""
        args = (mail.mail_id, mail.account_id, mail.data_key, mail.content, mail.created_at)
        async with self._pg.transaction() as tx:
            await tx.execute("written_add", _ADD, *args)

    async def claim(self, now: datetime, again_at: datetime, limit: int) -> list[WrittenMail]:
        """Those that are due; each comes again then, unless it is settled."""
        async with self._pg.transaction() as tx:
            rows = await tx.fetch("written_claim", _CLAIM, now, again_at, limit)
        return [WrittenMail(**row) for row in rows]

    async def hand_over(self, mail_id: int) -> bool:
        """Marks that the mail server is given it now; False where it was before."""
        async with self._pg.transaction() as tx:
            return await tx.execute("written_hand_over", _HAND_OVER, mail_id) == 1

    async def delay(self, mail_id: int, until: datetime) -> None:
        """The mail server has not taken it."""
        async with self._pg.transaction() as tx:
            await tx.execute("written_delay", _DELAY, mail_id, until)

    async def settle(self, mail_id: int) -> None:
        """It is done with; only that it was there is kept."""
        async with self._pg.transaction() as tx:
            await tx.execute("written_settle", _SETTLE, mail_id)

    async def purge(self, before: datetime) -> int:
        """Forgets a bounded number of those done with that were made before; how many."""
        async with self._pg.transaction() as tx:
            return await tx.execute("written_purge", _PURGE, before, PURGE_ROWS)

    async def last_seen(self, account_id: int) -> datetime | None:
        """When a session of the account was last used, or opened."""
        async with self._pg.read(primary=True) as read:
            found: datetime | None = await read.fetchval("last_seen", _LAST_SEEN, account_id)
        return found
