"""Statements of featured hashtags; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rookery_common.clients.postgres import PgConnection, Postgres
from user_service.featured_tags.models import MAX_FEATURED_TAGS, MAX_SUGGESTED, FeaturedTag

_USERNAME = "SELECT username FROM accounts WHERE account_id = $1"
# Changes of an account's hashtags come one after another, so that their limit holds.
_LOCK_ACCOUNT = f"{_USERNAME} FOR NO KEY UPDATE"
_FEATURED = """
SELECT f.featured_id, f.name, coalesce(c.statuses, 0) AS statuses,
       CASE WHEN c.statuses > 0 THEN c.last_status_at END AS last_status_at
FROM featured_tags f LEFT JOIN tag_counts c ON c.author_id = f.account_id AND c.name = f.name
WHERE f.account_id = $1
"""
FEATURED_TAGS = f"{_FEATURED} ORDER BY f.featured_id LIMIT {MAX_FEATURED_TAGS}"
_FEATURED_TAG = f"{_FEATURED} AND f.name = $2"
_FEATURE = """
INSERT INTO featured_tags (account_id, name, featured_id) VALUES ($1, $2, $3) ON CONFLICT (account_id, name) DO NOTHING
"""
_COUNT = "SELECT count(*) FROM featured_tags WHERE account_id = $1"
_UNFEATURE_NAME = "DELETE FROM featured_tags WHERE account_id = $1 AND name = $2"
_UNFEATURE_ID = "DELETE FROM featured_tags WHERE account_id = $1 AND featured_id = $2"
# Passes over as many as are featured, at most.
SUGGESTED_TAGS = f"""
SELECT name FROM tag_counts c WHERE author_id = $1 AND statuses > 0
  AND NOT EXISTS (SELECT FROM featured_tags f WHERE f.account_id = c.author_id AND f.name = c.name)
ORDER BY statuses DESC LIMIT {MAX_SUGGESTED}
"""  # noqa: S608 - our own number


class FeaturedTagTransaction:
    """One change of what an account features; all or nothing."""

    def __init__(self, tx: PgConnection, account_id: int) -> None:
        self._tx = tx
        self._account_id = account_id

    async def lock(self) -> str | None:
        """The account's username; nobody else changes its hashtags until the transaction ends."""
        row = await self._tx.fetchrow("featured_tags_lock", _LOCK_ACCOUNT, self._account_id)
        return row["username"] if row else None

    async def feature(self, name: str, featured_id: int) -> bool:
        """Whether it was not featured before."""
        return await self._tx.execute("tag_feature", _FEATURE, self._account_id, name, featured_id) == 1

    async def count(self) -> int:
        """How many are featured now."""
        return int(await self._tx.fetchval("featured_tags_count", _COUNT, self._account_id))

    async def one(self, name: str) -> FeaturedTag:
        """What is told of one that is featured."""
        row = await self._tx.fetchrow("featured_tag", _FEATURED_TAG, self._account_id, name)
        return _tag(row)

    async def unfeature(self, tag: str | int) -> bool:
        """By name or by id; whether it was featured before."""
        statement = _UNFEATURE_NAME if isinstance(tag, str) else _UNFEATURE_ID
        return await self._tx.execute("tag_unfeature", statement, self._account_id, tag) == 1


class FeaturedTagRepository:
    """Featured hashtags by who features them."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    @asynccontextmanager
    async def transaction(self, account_id: int) -> AsyncIterator[FeaturedTagTransaction]:
        """A change of the account's on the primary."""
        async with self._pg.transaction() as tx:
            yield FeaturedTagTransaction(tx, account_id)

    async def featured(self, account_id: int) -> tuple[str, list[FeaturedTag]] | None:
        """The account's username, and its hashtags in the order in which they were featured; None for no account."""
        async with self._pg.read(primary=True) as connection:
            row = await connection.fetchrow("featured_tags_account", _USERNAME, account_id)
            rows = await connection.fetch("featured_tags", FEATURED_TAGS, account_id) if row else []
        return (row["username"], [_tag(each) for each in rows]) if row else None

    async def suggested(self, account_id: int) -> list[str]:
        """Hashtags that the account has used most and does not feature."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("featured_tags_suggested", SUGGESTED_TAGS, account_id)
        return [row["name"] for row in rows]


def _tag(row: Any) -> FeaturedTag:
    return FeaturedTag(row["featured_id"], row["name"], row["statuses"], row["last_status_at"])
