"""Feed's copy of the follow graph in CQL, by either end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from feed_service.follow_models import Ends, Follow, Follower
from feed_service.models import Following
from feed_service.placement import reader_shard
from rookery_common.clients.cassandra import Args, Cql
from rookery_common.clients.cql_partitions import put_partitions, put_together
from rookery_common.side_by_side import side_by_side

# More than user lets anyone follow.
MAX_FOLLOWING: Final = 10_000
BUCKET_FOLLOWERS: Final = 10_000
# One follow in so many looks whether the bucket is full: its size need not be exact.
_LOOK_EVERY: Final = 64
# Follows of a bulk that are read and written side by side: each step of it waits for the engine once.
_AT_ONCE: Final = 2_000
# Rows of one partition that are written together, at most.
_ROWS_AT_ONCE: Final = 200
_WRITERS: Final = 48
_COUNTED_AT_ONCE: Final = 5_000
# Authors whose room is remembered.
_ROOMS: Final = 100_000

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "following_put": (
            "INSERT INTO following_by_reader (reader_id, author_id, follower_bucket, active, reblogs)"
            " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "following_get": (
            "SELECT follower_bucket, active, reblogs FROM following_by_reader WHERE reader_id = ? AND author_id = ?"
        ),
        "following_among": (
            "SELECT author_id, follower_bucket FROM following_by_reader"
            " WHERE reader_id = ? AND author_id >= ? AND author_id <= ? LIMIT ?"
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
        "follower_forget": "DELETE FROM followers_by_author WHERE author_id = ? AND bucket = ?",
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


@dataclass(slots=True)
class _Room:
    """An author's last bucket, and how many followers it takes yet."""

    bucket: int
    left: int


class FollowRepository:
    """Follows as they are now; each write carries its version as its timestamp, so that the newest one stays."""

    def __init__(self, cql: Cql, bucket_followers: int = BUCKET_FOLLOWERS) -> None:
        self._cql = cql
        self._bucket_followers = bucket_followers
        # Of those whose followers are put in bulk, so that full buckets are not counted for each.
        self._rooms: dict[int, _Room] = {}

    async def put(self, *follows: Follow) -> None:
        """Each pair once. Once more, or after a newer version, it changes nothing.

        Of a new follow the reader's row is written first: from it is known, after a crash, in which bucket of the
        author's the other may be already.
        """
        ends = [follow.ends for follow in follows]
        rows = zip(ends, await self._cql.many("following_get", ends), strict=True)
        known = {pair: found[0].follower_bucket for pair, found in rows if found}
        new = [follow for follow in follows if follow.ends not in known]
        opened = await asyncio.gather(*map(self._open_bucket, new))
        buckets = known | {follow.ends: bucket for follow, bucket in zip(new, opened, strict=True)}
        following = [(follow.ends, ("following_put", _following_row(follow, buckets))) for follow in follows]
        followers = [(one.ends, ("follower_put", _follower_row(one, buckets[one.ends]))) for one in follows]
        await put_together(self._cql, (row for row in following if row[0] not in known))
        await put_together(self._cql, (*followers, *(row for row in following if row[0] in known)))

    async def put_all(self, follows: Sequence[Follow]) -> None:
        """The same of a bulk, in the order of their readers: whose rows are read, and written, together."""
        for first in range(0, len(follows), _AT_ONCE):
            await self._put_some(follows[first : first + _AT_ONCE])

    async def _put_some(self, follows: Sequence[Follow]) -> None:
        by_reader: dict[int, list[Follow]] = {}
        for follow in follows:
            by_reader.setdefault(follow.reader_id, []).append(follow)
        buckets = await self._buckets(by_reader)
        following = ([_following_row(follow, buckets) for follow in rows] for rows in by_reader.values())
        await put_partitions(self._cql, "following_put", following, rows_at_once=_ROWS_AT_ONCE, at_once=_WRITERS)
        # Only now: from the rows above it is known, after a crash, in which bucket these may be already.
        by_bucket: dict[tuple[int, int], list[Args]] = {}
        for follow in follows:
            bucket = buckets[follow.ends]
            by_bucket.setdefault((follow.author_id, bucket), []).append(_follower_row(follow, bucket))
        await put_partitions(
            self._cql, "follower_put", by_bucket.values(), rows_at_once=_ROWS_AT_ONCE, at_once=_WRITERS
        )

    async def _buckets(self, by_reader: Mapping[int, Sequence[Follow]]) -> dict[Ends, int]:
        """Where each stands at its author's: where it stood before, or where there is room."""
        asked = [
            (reader, min(authors), max(authors), MAX_FOLLOWING)
            for reader, rows in by_reader.items()
            for authors in [[follow.author_id for follow in rows]]
        ]
        known = zip(by_reader, await self._cql.many("following_among", asked), strict=True)
        buckets = {(reader, row.author_id): row.follower_bucket for reader, rows in known for row in rows}
        new: dict[int, list[Ends]] = {}
        for follow in (follow for rows in by_reader.values() for follow in rows):
            if follow.ends not in buckets:
                new.setdefault(follow.author_id, []).append(follow.ends)
        await self._look(new)
        for author_id, ends in new.items():
            room = self._rooms[author_id]
            room.left -= len(ends)
            buckets |= dict.fromkeys(ends, room.bucket)
        return buckets

    async def _look(self, author_ids: Iterable[int]) -> None:
        """Finds room with each author with whom it is not known, or used up."""
        if len(self._rooms) > _ROOMS:
            self._rooms.clear()
        wanted = [each for each in author_ids if each not in self._rooms or self._rooms[each].left <= 0]
        found = await self._cql.many("follower_buckets", [(author_id,) for author_id in wanted])
        todo = iter(list(zip(wanted, found, strict=True)))

        async def work() -> None:
            for author_id, rows in todo:
                known = await self._room(author_id, rows[0].buckets or 1) if rows else self._empty(0)
                self._rooms[author_id] = known

        await side_by_side(work, _WRITERS)

    async def _room(self, author_id: int, buckets: int) -> _Room:
        count = await self._cql.execute("follower_count", (author_id, buckets - 1))
        if count[0].followers < self._bucket_followers:
            return _Room(buckets - 1, self._bucket_followers - count[0].followers)
        await self._cql.execute("follower_add_bucket", (buckets + 1, author_id))
        return self._empty(buckets)

    def _empty(self, bucket: int) -> _Room:
        return _Room(bucket, self._bucket_followers)

    async def following(self, reader_id: int) -> Following:
        """Whom the reader follows now."""
        rows = [row for row in await self._cql.execute("following_list", (reader_id, MAX_FOLLOWING)) if row.active]
        return Following(
            frozenset(row.author_id for row in rows),
            frozenset(row.author_id for row in rows if not row.reblogs),
        )

    async def who_follows(self, author_id: int, reader_ids: Iterable[int]) -> list[Follower]:
        """Those of the readers who follow the author now."""
        readers = list(reader_ids)
        found = await self._cql.many("following_get", [(reader_id, author_id) for reader_id in readers])
        return [
            Follower(reader_id, rows[0].reblogs)
            for reader_id, rows in zip(readers, found, strict=True)
            if rows and rows[0].active
        ]

    async def has_followers(self, author_id: int, enough: int) -> bool:
        """Whether so many follow the author now. Where they may be, they are counted, and no further."""
        rows = await self._cql.execute("follower_buckets", (author_id,))
        # Buckets may be a little over-full, and have some who have left.
        if not rows or (rows[0].buckets or 1) * self._bucket_followers * 2 < enough:
            return False
        cursor, count = FollowerCursor(author_id), 0
        while not cursor.done and count < enough:
            count += len(await self.next_followers(cursor, _COUNTED_AT_ONCE))
        return count >= enough

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

    async def forget_followers(self, author_id: int) -> None:
        """Nobody is delivered the author's posts any more. The first bucket, which knows of the others, goes last."""
        rows = await self._cql.execute("follower_buckets", (author_id,))
        buckets = (rows[0].buckets or 1) if rows else 1
        await self._cql.many("follower_forget", [(author_id, bucket) for bucket in range(1, buckets)])
        await self._cql.execute("follower_forget", (author_id, 0))

    async def _open_bucket(self, follow: Follow) -> int:
        """Where a new follower of the author goes: into the last bucket, or into a new one where that is full."""
        rows = await self._cql.execute("follower_buckets", (follow.author_id,))
        buckets = (rows[0].buckets or 1) if rows else 1
        if reader_shard(follow.reader_id, _LOOK_EVERY) != 0:
            return buckets - 1
        return (await self._room(follow.author_id, buckets)).bucket


def _following_row(follow: Follow, buckets: Mapping[Ends, int]) -> Args:
    return (*follow.ends, buckets[follow.ends], follow.active, follow.reblogs, follow.version)


def _follower_row(follow: Follow, bucket: int) -> Args:
    return (follow.author_id, bucket, follow.reader_id, follow.active, follow.reblogs, follow.version)
