"""Posts and counts in Redis: a cache only. While Redis is away everything is read from CQL, and nothing fails."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from post_service import metrics
from post_service.models import CountedPost, PostCounts, SealedPost
from post_service.repository.redis_guard import RedisGuard
from rookery_common.clients.redis import RedisClient

TTL_SECONDS = 3600
READ_SECONDS = 0.25

# version | stamp, replies, reblogs, favourites, quotes | state | visibility, author, thread, original, ballot, quoted,
# number of mentioned accounts; then their ids, then the body. The scripts know where the first seven are.
_HEAD = struct.Struct(">qqqqqqBBqqqqqH")
_COUNTS = struct.Struct(">qqqqq")

# A post never replaces one that is newer, and keeps its counts; nothing replaces a tombstone (state 4). Microseconds
# fit into Lua's doubles until 2255.
_PUT = """
local held, value = redis.call('GETRANGE', KEYS[1], 0, 48), ARGV[1]
if #held == 49 then
  local newer = struct.unpack('>i8', held) > struct.unpack('>i8', value)
  local was_deleted, is_deleted = string.byte(held, 49) == 4, string.byte(value, 49) == 4
  if (was_deleted and not is_deleted) or (newer and was_deleted == is_deleted) then return 0 end
  value = string.sub(value, 1, 8) .. string.sub(held, 9, 48) .. string.sub(value, 49)
end
redis.call('SET', KEYS[1], value, 'EX', ARGV[2])
return 1
"""
_PUT_COUNTS = """
local held = redis.call('GETRANGE', KEYS[1], 8, 15)
if #held < 8 or struct.unpack('>i8', held) > struct.unpack('>i8', ARGV[1]) then return 0 end
redis.call('SETRANGE', KEYS[1], 8, ARGV[1])
return 1
"""


class PostCache:
    """`post:p4:<id>` holds a sealed post and its counts, each with what orders two writes of it.

    Who changes something overwrites by `put` and `put_counts`, and the newer wins. Who only reads fills by `fill`,
    which never overwrites: what was read may be old by then.
    """

    def __init__(self, redis: RedisClient, guard: RedisGuard, prefix: str = "post:") -> None:
        self._redis = redis
        self._guard = guard
        self._prefix = f"{prefix}p4:".encode()
        self._put = redis.script(_PUT, name="put_post", shared=True)
        self._put_counts = redis.script(_PUT_COUNTS, name="put_counts", shared=True)

    async def get_many(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        """What is cached of the posts, in one round trip."""
        if not post_ids or self._guard.is_away():
            return {}
        keys = [self._key(post_id) for post_id in post_ids]
        values = await self._guard.attempt("read", self._redis.mget("get_posts", keys, timeout=READ_SECONDS))
        if values is None:
            return {}
        found = {key: _unseal(key, value) for key, value in zip(post_ids, values, strict=True) if value}
        metrics.CACHE_HITS.inc(len(found))
        metrics.CACHE_MISSES.inc(len(post_ids) - len(found))
        return found

    async def put(self, counted: CountedPost, stamp: int) -> None:
        """After a write: replaces the post, unless what is cached is newer; the counts only where nothing is cached."""
        await self._guard.attempt("put", self.overwrite(counted, stamp))

    async def overwrite(self, counted: CountedPost, stamp: int) -> None:
        """As `put`, for what must not go on before it is done. Raises Unavailable."""
        await self._put([self._key(counted.post.post_id)], [_seal(counted, stamp), TTL_SECONDS])

    async def put_counts(self, post_id: int, counts: PostCounts, stamp: int) -> None:
        """After a write that counts: `stamp` is a version from before the counts were read."""
        value = _COUNTS.pack(stamp, *counts)
        await self._guard.attempt("put_counts", self._put_counts([self._key(post_id)], [value]))

    async def fill(self, posts: Iterable[CountedPost], stamp: int) -> None:
        """After a read that missed: sets what is still not there; `stamp` is a version from before that read."""
        if self._guard.is_away():
            return
        commands = [
            ("SET", self._key(counted.post.post_id), _seal(counted, stamp), "EX", TTL_SECONDS, "NX")
            for counted in posts
        ]
        await self._guard.attempt("fill", self._redis.send("fill_posts", commands))

    def _key(self, post_id: int) -> bytes:
        return b"%b%d" % (self._prefix, post_id)


def _seal(counted: CountedPost, stamp: int) -> bytes:
    post, counts = counted
    size = len(post.mentioned)
    head = _HEAD.pack(
        post.version,
        stamp,
        *counts,
        post.state,
        post.visibility,
        post.author_id,
        post.thread_id,
        post.reblog_of_id,
        post.ballot,
        post.quoted_id,
        size,
    )
    return b"".join((head, struct.pack(f">{size}q", *post.mentioned), post.body))


def _unseal(post_id: int, value: bytes) -> CountedPost:
    version, _, *rest = _HEAD.unpack_from(value)
    replies, reblogs, favourites, quotes, state, visibility, author_id, thread_id, reblog_of_id, ballot, *last = rest
    quoted_id, size = last
    mentioned = struct.unpack_from(f">{size}q", value, _HEAD.size) if size else ()
    body = value[_HEAD.size + 8 * size :]
    post = SealedPost(
        post_id, version, author_id, visibility, state, thread_id, reblog_of_id, mentioned, body, ballot, quoted_id
    )
    return CountedPost(post, PostCounts(replies, reblogs, favourites, quotes))
