"""Links with accounts at providers, in Postgres. Times come from the caller; each method is one transaction or read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from auth_service.account_models import LinkedIdentity
from rookery_common.clients.postgres import PgConnection, Postgres

# Who somebody is at a provider belongs to one account.
LINK_CONSTRAINT = "linked_identities_pkey"
_COLUMNS = "subject_digest, account_id, issuer, label, created_at, used_at"
_ADD = """
INSERT INTO linked_identities (subject_digest, account_id, issuer, label, created_at) VALUES ($1, $2, $3, $4, $5)"""
_ADD_IF_NEW = f"{_ADD} ON CONFLICT DO NOTHING"
# One after the other: that a way in is left holds for all that happens at once.
_LOCK = "SELECT account_id FROM credentials WHERE account_id = $1 FOR UPDATE"
_ALL = f"SELECT {_COLUMNS} FROM linked_identities WHERE account_id = $1 ORDER BY created_at, issuer LIMIT $2"  # noqa: S608
_OWNER = "SELECT account_id FROM linked_identities WHERE subject_digest = $1"
_USE = "UPDATE linked_identities SET used_at = $2 WHERE subject_digest = $1 RETURNING account_id"
# Never the last way in: a password is left, a passkey, or a provider that there still is.
_REMOVE = """
DELETE FROM linked_identities WHERE account_id = $1 AND issuer = $2
  AND (EXISTS (SELECT FROM credentials WHERE account_id = $1 AND password_hash <> '')
       OR EXISTS (SELECT FROM passkeys WHERE account_id = $1)
       OR EXISTS (SELECT FROM linked_identities WHERE account_id = $1 AND issuer <> $2 AND issuer = ANY($3)))"""


class LinkRepository:
    """Each belongs to one account, which has one of each issuer at most."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def add(self, link: LinkedIdentity) -> bool:
        """False if somebody has this one, or the account another of the issuer."""
        async with self._pg.transaction() as tx:
            return await tx.execute("link_add", _ADD_IF_NEW, *_row(link)) > 0

    async def all(self, account_id: int, limit: int) -> list[LinkedIdentity]:
        """The account's, the oldest first."""
        async with self._pg.read(primary=True) as read:
            return [LinkedIdentity(**row) for row in await read.fetch("links", _ALL, account_id, limit)]

    async def owner(self, subject_digest: bytes) -> int:
        """Whose it is; 0 for nobody's."""
        async with self._pg.read(primary=True) as read:
            row: Any = await read.fetchrow("link_owner", _OWNER, subject_digest)
        return 0 if row is None else int(row["account_id"])

    async def use(self, subject_digest: bytes, at: datetime) -> int:
        """The same, and when it was used is kept."""
        async with self._pg.transaction() as tx:
            row: Any = await tx.fetchrow("link_use", _USE, subject_digest, at)
        return 0 if row is None else int(row["account_id"])

    async def remove(self, account_id: int, issuer: str, issuers: Sequence[str]) -> bool:
        """False if the account has no such link, or no other way in; `issuers` are those that there still are."""
        async with self._pg.transaction() as tx:
            await tx.fetch("link_lock", _LOCK, account_id)
            return await tx.execute("link_remove", _REMOVE, account_id, issuer, list(issuers)) > 0


async def insert_link(tx: PgConnection, link: LinkedIdentity) -> None:
    """In the transaction of the account that begins with it. Raises UniqueViolated."""
    await tx.execute("link_add", _ADD, *_row(link))


def _row(link: LinkedIdentity) -> tuple[object, ...]:
    return link.subject_digest, link.account_id, link.issuer, link.label, link.created_at
