"""Loading in bulk: COPY into a table of the transaction's own, and from there into all tables that know of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from rookery_common.clients.postgres_connections import TRANSLATED
from rookery_common.clients.postgres_migrations import connect_for_long
from rookery_common.config import PostgresSettings
from user_service.seeding.models import Edge, Person, Plan, Progress

_LOCK_KEY = 0x53656564
_BEGIN = "INSERT INTO seeds (seed, accounts, follows) VALUES ($1, $2, $3) ON CONFLICT (seed) DO NOTHING"
_SEED = "SELECT accounts, follows, accounts_done, followers_done FROM seeds WHERE seed = $1"
_ANYBODY = "SELECT EXISTS (SELECT FROM accounts)"
_NEW_PEOPLE = """
CREATE TEMPORARY TABLE seeded_people (
  account_id bigint, username text, display_name text, note text, created_at timestamptz
) ON COMMIT DROP
"""
_NEW_EDGES = """
CREATE TEMPORARY TABLE seeded_edges (
  follower_id bigint, followee_id bigint, follow_id bigint, followed_at timestamptz
) ON COMMIT DROP
"""
_PEOPLE = (
    """
INSERT INTO accounts (account_id, username, display_name, note, locked, bot, discoverable, indexable, avatar_url,
                      header_url, fields, created_at, version)
SELECT account_id, username, display_name, note, false, false, true, true, '', '', '[]', created_at, 1
FROM seeded_people
""",
    "INSERT INTO usernames (username_key, account_id) SELECT username, account_id FROM seeded_people",
    """
INSERT INTO community_counts AS c (slot, accounts)
SELECT (account_id >> 22) % 8, count(*) FROM seeded_people GROUP BY 1 ORDER BY 1
ON CONFLICT (slot) DO UPDATE SET accounts = c.accounts + excluded.accounts
""",
)
_EDGES = (
    """
INSERT INTO follows_by_follower (follower_id, followee_id, follow_id, followed_at, reblogs, notify, languages, active,
                                 version, requested)
SELECT follower_id, followee_id, follow_id, followed_at, true, false, '{}', true, 1, false FROM seeded_edges
""",
    """
INSERT INTO follows_by_followee (followee_id, follower_id, follow_id)
SELECT followee_id, follower_id, follow_id FROM seeded_edges
""",
    """
INSERT INTO account_counts AS c (account_id, slot, followers, following)
SELECT account_id, 0, sum(followers), sum(following) FROM (
  SELECT followee_id AS account_id, 1 AS followers, 0 AS following FROM seeded_edges
  UNION ALL SELECT follower_id, 0, 1 FROM seeded_edges
) e
GROUP BY account_id ORDER BY account_id
ON CONFLICT (account_id, slot) DO UPDATE SET
  followers = c.followers + excluded.followers, following = c.following + excluded.following
""",
)
_PEOPLE_DONE = "UPDATE seeds SET accounts_done = $2 WHERE seed = $1"
_EDGES_DONE = "UPDATE seeds SET followers_done = $2 WHERE seed = $1"
_SETTLE = "ANALYZE accounts, usernames, account_counts, follows_by_follower, follows_by_followee"


class SeedRepository:
    """One connection that loads; each part is a transaction, with how far the load has come."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def lock(self) -> bool:
        """Whether this is the only load, until the connection ends."""
        with TRANSLATED:
            return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY))

    async def anybody(self) -> bool:
        """Whether there are accounts."""
        with TRANSLATED:
            return bool(await self._connection.fetchval(_ANYBODY))

    async def known(self, seed: int) -> tuple[Plan, Progress] | None:
        """What this seed was begun with, and how far it has come."""
        with TRANSLATED:
            row = await self._connection.fetchrow(_SEED, seed)
        if row is None:
            return None
        return Plan(seed, row["accounts"], row["follows"]), Progress(row["accounts_done"], row["followers_done"])

    async def begin(self, plan: Plan) -> None:
        """Notes it before anything is loaded."""
        with TRANSLATED:
            await self._connection.execute(_BEGIN, plan.seed, plan.accounts, plan.follows)

    async def load_people(self, plan: Plan, first: int, last: int) -> None:
        """Those of these numbers, with their names."""
        with TRANSLATED:
            async with self._connection.transaction():
                await self._connection.execute(_NEW_PEOPLE)
                await self._connection.copy_records_to_table(
                    "seeded_people", records=plan.people(first, last), columns=Person._fields
                )
                for statement in _PEOPLE:
                    await self._connection.execute(statement)
                await self._connection.execute(_PEOPLE_DONE, plan.seed, last)

    async def load_edges(self, plan: Plan, first: int, last: int) -> None:
        """Whom those of these numbers follow, at both ends, and everybody's counts."""
        with TRANSLATED:
            async with self._connection.transaction():
                await self._connection.execute(_NEW_EDGES)
                await self._connection.copy_records_to_table(
                    "seeded_edges", records=plan.edges(first, last), columns=Edge._fields
                )
                for statement in _EDGES:
                    await self._connection.execute(statement)
                await self._connection.execute(_EDGES_DONE, plan.seed, last)

    async def settle(self) -> None:
        """Lets the planner know of what has come."""
        with TRANSLATED:
            await self._connection.execute(_SETTLE)


@asynccontextmanager
async def seed_repository(database: str | PostgresSettings) -> AsyncIterator[SeedRepository]:
    """Over a connection of its own, which ends with the load. Raises EngineAway."""
    connection = await connect_for_long(database)
    try:
        yield SeedRepository(connection)
    finally:
        await connection.close()
