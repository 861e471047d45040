"""Feed's copy of the follow graph in CQL, by either end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from feed_service.models import Follow, Follower, Following
from feed_service.placement import reader_shard
from rookery_common.clients.cassandra import Cql

# More than user lets anyone follow.
MAX_FOLLOWING: Final = 10_000
BUCKET_FOLLOWERS: Final = 10_000
# One follow in so many looks whether the bucket is full: its size need not be exact.
_LOOK_EVERY: Final = 64

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "following_put": (
            "INSERT INTO following_by_reader (reader_id, author_id, follower_bucket, active, reblogs)"
            " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "following_get": (
            "SELECT follower_bucket, active FROM following_by_reader WHERE reader_id = ? AND author_id = ?"
        ),
        "following_list": "SELECT author_id, active, reblogs FROM following_by_reader WHERE reader_id = ? LIMIT ?",
        "follower_put": (
            "INSERT INTO followers_by_author (author_id, bucket, follower_id, active, reblogs)"
            " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "follower_list": (
            "SELECT follower_id, active, reblogs, buckets FROM followers_by_author"
            " WHERE author_id = ? AND bucket = ? AND follower_id > ? LIMIT ?"
        ),
        "follower_count": "SELECT count(*) AS followers FROM followers_by_author WHERE author_id = ? AND bucket = ?",
        "follower_buckets": "SELECT buckets FROM followers_by_author WHERE author_id = ? AND bucket = 0 LIMIT 1",
        "follower_add_bucket": "UPDATE followers_by_author SET buckets = ? WHERE author_id = ? AND bucket = 0",
    }
)


class FollowerCursor:
    """How far the followers of an author have been read."""

    def __init__(self, author_id: int, bucket: int = 0) -> None:
        self.author_id = author_id
        self.bucket = bucket
        self.after = 0
        self.buckets = 1
        self.done = False


class FollowRepository:
    """Follows as they are now; each write carries its version as its timestamp, so that the newest one stays."""

    def __init__(self, cql: Cql, bucket_followers: int = BUCKET_FOLLOWERS) -> None:
        self._cql = cql
        self._bucket_followers = bucket_followers

    async def put(self, follow: Follow) -> None:
        """Once more, or after a newer version, it changes nothing; a crash between the rows is repaired that way."""
        ends = (follow.reader_id, follow.author_id)
        rows = await self._cql.execute("following_get", ends)
        bucket = rows[0].follower_bucket if rows else await self._open_bucket(follow)
        state = (follow.active, follow.reblogs, follow.version)
        await self._cql.execute("following_put", (*ends, bucket, *state))
        await self._cql.execute("follower_put", (follow.author_id, bucket, follow.reader_id, *state))

    async def following(self, reader_id: int) -> Following:
        """Whom the reader follows now."""
        rows = [row for row in await self._cql.execute("following_list", (reader_id, MAX_FOLLOWING)) if row.active]
        return Following(
            frozenset(row.author_id for row in rows),
            frozenset(row.author_id for row in rows if not row.reblogs),
        )

    async def who_follows(self, author_id: int, reader_ids: Iterable[int]) -> list[int]:
        """Those of the readers who follow the author now."""
        readers = list(reader_ids)
        found = await self._cql.many("following_get", [(reader_id, author_id) for reader_id in readers])
        return [reader_id for reader_id, rows in zip(readers, found, strict=True) if rows and rows[0].active]

    async def next_followers(self, cursor: FollowerCursor, limit: int) -> list[Follower]:
        """The next followers, and moves the cursor; an empty page does not mean the end, `cursor.done` does."""
        args = (cursor.author_id, cursor.bucket, cursor.after, limit)
        rows = await self._cql.execute("follower_list", args)
        if rows:
            cursor.after = rows[-1].follower_id
            cursor.buckets = max(cursor.buckets, rows[-1].buckets or 1) if cursor.bucket == 0 else cursor.buckets
        if len(rows) < limit:
            cursor.bucket, cursor.after = cursor.bucket + 1, 0
            cursor.done = cursor.bucket >= cursor.buckets
        return [Follower(row.follower_id, row.reblogs) for row in rows if row.active]

    async def _open_bucket(self, follow: Follow) -> int:
        """Where a new follower of the author goes: into the last bucket, or into a new one where that is full."""
        rows = await self._cql.execute("follower_buckets", (follow.author_id,))
        last = (rows[0].buckets or 1) - 1 if rows else 0
        if reader_shard(follow.reader_id, _LOOK_EVERY) != 0:
            return last
        count = await self._cql.execute("follower_count", (follow.author_id, last))
        if count[0].followers < self._bucket_followers:
            return last
        await self._cql.execute("follower_add_bucket", (last + 2, follow.author_id))
        return last + 1
