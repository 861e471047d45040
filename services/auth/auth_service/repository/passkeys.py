"""Passkeys in Postgres. Times come from the caller; each method is one transaction or one read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from auth_service.account_models import Passkey
from rookery_common.clients.postgres import Postgres

_COLUMNS = "credential_id, account_id, public_key, sign_count, name, created_at, used_at"
_ADD = """
INSERT INTO passkeys (credential_id, account_id, public_key, sign_count, name, created_at)
SELECT $1, $2, $3, $4, $5, $6
WHERE (SELECT count(*) FROM passkeys WHERE account_id = $2) < $7 ON CONFLICT DO NOTHING"""
# One after the other: the limit, and that a way in is left, hold for all that happens at once.
_LOCK = "SELECT account_id FROM credentials WHERE account_id = $1 FOR UPDATE"
_ALL = f"SELECT {_COLUMNS} FROM passkeys WHERE account_id = $1 ORDER BY created_at, credential_id LIMIT $2"  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM passkeys WHERE credential_id = $1"  # noqa: S608 - its own columns
_USE = """
UPDATE passkeys SET sign_count = $3, used_at = $4
WHERE credential_id = $1 AND sign_count = $2 AND (sign_count < $3 OR $3 = 0)"""
# Never the last way in: where there is no password, another passkey is left.
_REMOVE = """
DELETE FROM passkeys WHERE credential_id = $1 AND account_id = $2
  AND (EXISTS (SELECT FROM credentials WHERE account_id = $2 AND password_hash <> '')
       OR (SELECT count(*) FROM passkeys WHERE account_id = $2) > 1)"""
_LEAVE_PASSKEYS = """
UPDATE credentials SET password_hash = ''
WHERE account_id = $1 AND EXISTS (SELECT FROM passkeys WHERE account_id = $1)"""


class PasskeyRepository:
    """Each belongs to one account, which has a bounded number of them."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def add(self, passkey: Passkey, most: int) -> bool:
        """False if the account has so many already, or somebody has this one."""
        row = (passkey.credential_id, passkey.account_id, passkey.public_key, passkey.sign_count, passkey.name)
        async with self._pg.transaction() as tx:
            await tx.fetch("passkey_lock", _LOCK, passkey.account_id)
            return await tx.execute("passkey_add", _ADD, *row, passkey.created_at, most) > 0

    async def all(self, account_id: int, limit: int) -> list[Passkey]:
        """The account's, the oldest first."""
        async with self._pg.read(primary=True) as read:
            return [Passkey(**row) for row in await read.fetch("passkeys", _ALL, account_id, limit)]

    async def one(self, credential_id: bytes) -> Passkey | None:
        async with self._pg.read(primary=True) as read:
            row: Any = await read.fetchrow("passkey", _ONE, credential_id)
        return None if row is None else Passkey(**row)

    async def use(self, passkey: Passkey, sign_count: int, at: datetime) -> bool:
        """False where the count has not grown: the key was copied, or its answer came twice at once."""
        async with self._pg.transaction() as tx:
            return await tx.execute("passkey_use", _USE, passkey.credential_id, passkey.sign_count, sign_count, at) > 0

    async def remove(self, account_id: int, credential_id: bytes) -> bool:
        """False if the account has no such passkey, or no other way in."""
        async with self._pg.transaction() as tx:
            await tx.fetch("passkey_lock", _LOCK, account_id)
            return await tx.execute("passkey_remove", _REMOVE, credential_id, account_id) > 0

    async def remove_password(self, account_id: int) -> bool:
        """False if there is no passkey to come in by."""
        async with self._pg.transaction() as tx:
            await tx.fetch("passkey_lock", _LOCK, account_id)
            return await tx.execute("password_remove", _LEAVE_PASSKEYS, account_id) > 0
