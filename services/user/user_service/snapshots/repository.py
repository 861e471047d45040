"""Statements of snapshots; on the primary, so that nothing is older than an event that told of it."""

from __future__ import annotations

from typing import Any

from rookery_common.clients.postgres import Postgres
from user_service.relationships.models import Follow, Pair

# In the order of the primary key, which stays as rows come and go.
FOLLOWS = """
SELECT follower_id, followee_id, follow_id, followed_at, reblogs, notify, languages, active, version, requested,
       requested_at
FROM follows_by_follower
WHERE (follower_id, followee_id) > ($1, $2) ORDER BY follower_id, followee_id LIMIT $3
"""


class SnapshotRepository:
    """Reads tables from end to end, a page at a time."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def follows(self, above: Pair, limit: int) -> list[Follow]:
        """The next follows after the one of these two, ended ones too."""
        async with self._pg.read(primary=True) as connection:
            return [_follow(row) for row in await connection.fetch("snapshot_follows", FOLLOWS, *above, limit)]


def _follow(row: Any) -> Follow:
    return Follow(**{**row, "languages": tuple(row["languages"])})
