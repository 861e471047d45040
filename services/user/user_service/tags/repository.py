"""Statements of followed hashtags; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox

# Changes of an account's hashtags come one after another, so that their limit holds.
_LOCK_ACCOUNT = "SELECT account_id FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE"
FOLLOWED_TAGS = """
SELECT name, follow_id FROM followed_tags WHERE account_id = $1 AND follow_id < $2 ORDER BY follow_id DESC LIMIT $3
"""
_FOLLOW = """
INSERT INTO followed_tags (account_id, name, follow_id) VALUES ($1, $2, $3)
ON CONFLICT (account_id, name) DO NOTHING RETURNING follow_id
"""
_COUNT = "SELECT count(*) FROM followed_tags WHERE account_id = $1"
_UNFOLLOW = "DELETE FROM followed_tags WHERE account_id = $1 AND name = $2 RETURNING follow_id"


class TagTransaction:
    """One change of what an account follows and the event that tells of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction, account_id: int) -> None:
        self._tx = tx
        self._account_id = account_id

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def lock(self) -> bool:
        """Whether there is such an account, whose hashtags nobody else changes until the transaction ends."""
        return await self._tx.fetchrow("tags_lock", _LOCK_ACCOUNT, self._account_id) is not None

    async def follow(self, name: str, follow_id: int) -> bool:
        """Whether it was not followed before."""
        return await self._tx.fetchrow("tag_follow", _FOLLOW, self._account_id, name, follow_id) is not None

    async def count(self) -> int:
        """How many are followed now."""
        return int(await self._tx.fetchval("tags_count", _COUNT, self._account_id))

    async def unfollow(self, name: str) -> bool:
        """Whether it was followed before."""
        return await self._tx.fetchrow("tag_unfollow", _UNFOLLOW, self._account_id, name) is not None


class TagRepository:
    """Followed hashtags by who follows them."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self, account_id: int) -> AsyncIterator[TagTransaction]:
        """A change of the account's on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield TagTransaction(tx, account_id)

    async def followed(self, account_id: int, below: int, limit: int) -> list[tuple[str, int]]:
        """Names with the ids that they are ordered by, the one followed last first."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("followed_tags", FOLLOWED_TAGS, account_id, below, limit)
        return [(row["name"], row["follow_id"]) for row in rows]
