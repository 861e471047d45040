"""The end of an account's credentials, in Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from auth_service.account_models import Mail
from auth_service.repository.accounts import EventOf, add_mail, end_sessions
from rookery_common.erasure import Erased
from rookery_common.kafka.postgres_outbox import PostgresOutbox

SESSIONS: Final = 1_000
# Nobody opens a session, or changes anything of the account, until the transaction ends; after it there is none.
_LOCK = "SELECT account_id FROM credentials WHERE account_id = $1 FOR UPDATE"
_DELETE_SESSIONS = """
DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE account_id = $1 LIMIT $2)"""
_DELETE_CODES = "DELETE FROM authorization_codes WHERE account_id = $1"
# With the data key goes what was encrypted under it; with the row all that refers to it.
_DELETE_CREDENTIALS = "DELETE FROM credentials WHERE account_id = $1"


class ErasureRepository:
    """Erases accounts."""

    def __init__(self, outbox: PostgresOutbox) -> None:
        self._outbox = outbox

    async def erase(self, account_id: int, now: datetime, ended: EventOf, farewell: Mail | None) -> Erased:
        """Ends all sessions, and deletes everything of the account at once unless it has had very many of them.

        The farewell is recorded with the last of it.
        """
        async with self._outbox.transaction() as tx:
            if await tx.fetchrow("erase_lock", _LOCK, account_id) is None:
                return Erased(done=True, amount=0)
            await end_sessions(tx, account_id, now, ended)
            sessions = await tx.execute("erase_sessions", _DELETE_SESSIONS, account_id, SESSIONS)
            if sessions == SESSIONS:
                return Erased(done=False, amount=sessions)
            await tx.execute("erase_codes", _DELETE_CODES, account_id)
            await tx.execute("erase_credentials", _DELETE_CREDENTIALS, account_id)
            if farewell is not None:
                await add_mail(tx, farewell)
        return Erased(done=True, amount=sessions + 1)
