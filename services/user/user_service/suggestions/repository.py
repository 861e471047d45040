"""Statements of suggestions, each of which reads a bounded number of rows; the primary's, since blocks decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rookery_common.clients.postgres import Postgres
from user_service.suggestions.models import CANDIDATES, FRIENDS, FRIENDS_OF_EACH

# Whoever hides whom they follow is nobody's reason.
FRIENDS_OF_FRIENDS = """
WITH mine AS MATERIALIZED (
  SELECT f.followee_id FROM follows_by_follower f
  WHERE f.follower_id = $1 AND f.active ORDER BY f.follow_id DESC LIMIT $2
)
SELECT t.followee_id AS account_id
FROM mine
JOIN accounts o ON o.account_id = mine.followee_id AND NOT o.hide_collections
CROSS JOIN LATERAL (
  SELECT f.followee_id FROM follows_by_follower f
  WHERE f.follower_id = mine.followee_id AND f.active ORDER BY f.follow_id DESC LIMIT $3
) t
GROUP BY t.followee_id ORDER BY count(*) DESC, t.followee_id DESC LIMIT $4
"""
# An account has up to eight slots.
MOST_FOLLOWED = """
SELECT c.account_id FROM (
  SELECT account_id, followers FROM account_counts WHERE followers > 0 ORDER BY followers DESC LIMIT 8 * $1
) c
GROUP BY c.account_id ORDER BY sum(c.followers) DESC, c.account_id DESC LIMIT $1
"""
SUITABLE = """
SELECT q.account_id
FROM unnest($2::bigint[]) WITH ORDINALITY AS q (account_id, place)
CROSS JOIN LATERAL (SELECT FROM accounts a WHERE a.account_id = q.account_id AND a.discoverable LIMIT 1) a
LEFT JOIN follows_by_follower f ON f.follower_id = $1 AND f.followee_id = q.account_id AND (f.active OR f.requested)
LEFT JOIN blocks_by_blocker b ON b.blocker_id = $1 AND b.blocked_id = q.account_id AND b.active
LEFT JOIN blocks_by_blocked e ON e.blocked_id = $1 AND e.blocker_id = q.account_id
LEFT JOIN mutes m
  ON m.muter_id = $1 AND m.muted_id = q.account_id AND m.active AND (m.expires_at IS NULL OR m.expires_at > $4)
LEFT JOIN dismissed_suggestions d ON d.account_id = $1 AND d.dismissed_id = q.account_id
WHERE q.account_id <> $1 AND f.follower_id IS NULL AND b.blocker_id IS NULL AND e.blocker_id IS NULL
  AND m.muter_id IS NULL AND d.account_id IS NULL
ORDER BY q.place LIMIT $3
"""
_DISMISS = """
INSERT INTO dismissed_suggestions (account_id, dismissed_id) SELECT $1, account_id FROM accounts WHERE account_id = $2
ON CONFLICT (account_id, dismissed_id) DO NOTHING
"""
_EXISTS = "SELECT EXISTS (SELECT FROM accounts WHERE account_id = $1)"


class SuggestionRepository:
    """Candidates, and which of them are suitable."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def friends_of_friends(self, account_id: int) -> list[int]:
        """Whom those follow whom the account follows, the one whom most of them follow first."""
        args = (account_id, FRIENDS, FRIENDS_OF_EACH, CANDIDATES)
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("friends_of_friends", FRIENDS_OF_FRIENDS, *args)
        return [row["account_id"] for row in rows]

    async def most_followed(self) -> list[int]:
        """Whom most follow, about in that order."""
        async with self._pg.read() as connection:
            rows = await connection.fetch("most_followed", MOST_FOLLOWED, CANDIDATES)
        return [row["account_id"] for row in rows]

    async def suitable(self, account_id: int, candidates: Sequence[int], limit: int, now: datetime) -> list[int]:
        """Those of the candidates that may be suggested to the account, in their order."""
        args = (account_id, list(candidates), limit, now)
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("suggestions_suitable", SUITABLE, *args)
        return [row["account_id"] for row in rows]

    async def dismiss(self, account_id: int, dismissed_id: int) -> bool:
        """Whether there is such an account."""
        async with self._pg.transaction() as tx:
            await tx.execute("suggestion_dismiss", _DISMISS, account_id, dismissed_id)
            return bool(await tx.fetchval("account_exists", _EXISTS, dismissed_id))
