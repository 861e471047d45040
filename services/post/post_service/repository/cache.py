"""Posts and counts in Redis: a cache only. While Redis is away everything is read from CQL, and nothing fails."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from redis.asyncio import RedisCluster

from post_service import metrics
from post_service.models import PostCounts, SealedPost
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import Clock
from rookery_common.errors import AppError, Internal, Unavailable
from rookery_common.logs import get_logger

POST_SECONDS = 24 * 3600
COUNTS_SECONDS = 3600
AWAY_SECONDS = 1.0
"""After a failure Redis is left alone for this long, so that its timeouts don't add up in every request."""
READ_SECONDS = 0.25

# version, author, thread, visibility, state, number of mentioned accounts, whose ids follow; then the body.
_HEAD = struct.Struct(">qqqBBH")
# stamp, replies, reblogs, favourites
_COUNTS = struct.Struct(">qqqq")

# A value never replaces one that is newer. Microseconds fit into Lua's doubles until 2255.
_PUT_NEWER = """
local held = redis.call('GETRANGE', KEYS[1], 0, 7)
if #held == 8 and struct.unpack('>i8', held) > struct.unpack('>i8', ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
_FAILURES = (Unavailable, Internal)

log = get_logger()


class PostCache:
    """`post:p:<id>` holds a sealed post, `post:c:<id>` its counts; both begin with what orders two writes of them.

    Who changes something overwrites by `put` and `put_counts`, and the newer wins. Who only reads fills by `fill`,
    which never overwrites: what was read may be old by then.
    """

    def __init__(self, redis: RedisClient, clock: Clock, prefix: str = "post:") -> None:
        self._redis = redis
        self._mget = redis.raw.mget_nonatomic if isinstance(redis.raw, RedisCluster) else redis.raw.mget
        self._clock = clock
        self._prefix = prefix
        self._put_newer = redis.script(_PUT_NEWER, name="put_newer")
        self._away_until = 0.0

    async def get_many(self, post_ids: Sequence[int]) -> tuple[dict[int, SealedPost], dict[int, PostCounts]]:
        """What is cached of the posts and of their counts, in one round trip."""
        if not post_ids or self._is_away():
            return {}, {}
        keys = [self._post_key(post_id) for post_id in post_ids] + [self._counts_key(post_id) for post_id in post_ids]
        try:
            values = await self._redis.call("get_posts", self._mget(keys), timeout=READ_SECONDS)
        except _FAILURES as error:
            self._failed("read", error)
            return {}, {}
        size = len(post_ids)
        posts = {key: _unseal(key, value) for key, value in zip(post_ids, values[:size], strict=True) if value}
        counts = {key: _read_counts(value) for key, value in zip(post_ids, values[size:], strict=True) if value}
        metrics.CACHE_HITS.inc(len(posts))
        metrics.CACHE_MISSES.inc(size - len(posts))
        return posts, counts

    async def put(self, post: SealedPost) -> None:
        """After a write: replaces what is cached, unless that is newer."""
        await self._put(self._post_key(post.post_id), _seal(post), POST_SECONDS)

    async def put_counts(self, post_id: int, counts: PostCounts, stamp: int) -> None:
        """After a write that counts: `stamp` is a version from before the counts were read."""
        await self._put(self._counts_key(post_id), _write_counts(counts, stamp), COUNTS_SECONDS)

    async def fill(self, posts: Iterable[SealedPost], counts: Mapping[int, PostCounts], stamp: int) -> None:
        """After a read that missed: sets what is still not there."""
        if self._is_away():
            return
        pipeline = self._redis.raw.pipeline(transaction=False)
        for post in posts:
            pipeline.set(self._post_key(post.post_id), _seal(post), ex=POST_SECONDS, nx=True)
        for post_id, count in counts.items():
            pipeline.set(self._counts_key(post_id), _write_counts(count, stamp), ex=COUNTS_SECONDS, nx=True)
        try:
            await self._redis.call("fill_posts", pipeline.execute())
        except _FAILURES as error:
            self._failed("fill", error)

    async def _put(self, key: str, value: bytes, seconds: int) -> None:
        # Tried even while Redis seems away: a stale value must not outlive a short outage.
        try:
            await self._put_newer([key], [value, seconds])
        except _FAILURES as error:
            self._failed("put", error)

    def _is_away(self) -> bool:
        return self._clock.monotonic() < self._away_until

    def _failed(self, operation: str, error: AppError) -> None:
        metrics.CACHE_FAILURES.labels(operation).inc()
        log.warning("post.cache_failed", operation=operation, reason=error.reason)
        self._away_until = self._clock.monotonic() + AWAY_SECONDS

    def _post_key(self, post_id: int) -> str:
        return f"{self._prefix}p:{post_id}"

    def _counts_key(self, post_id: int) -> str:
        return f"{self._prefix}c:{post_id}"


def _seal(post: SealedPost) -> bytes:
    size = len(post.mentioned)
    head = _HEAD.pack(post.version, post.author_id, post.thread_id, post.visibility, post.state, size)
    return b"".join((head, struct.pack(f">{size}q", *post.mentioned), post.body))


def _unseal(post_id: int, value: bytes) -> SealedPost:
    version, author_id, thread_id, visibility, state, size = _HEAD.unpack_from(value)
    mentioned = struct.unpack_from(f">{size}q", value, _HEAD.size) if size else ()
    body = value[_HEAD.size + 8 * size :]
    return SealedPost(post_id, version, author_id, visibility, state, thread_id, mentioned, body)


def _write_counts(counts: PostCounts, stamp: int) -> bytes:
    return _COUNTS.pack(stamp, counts.replies, counts.reblogs, counts.favourites)


def _read_counts(value: bytes) -> PostCounts:
    _, replies, reblogs, favourites = _COUNTS.unpack(value)
    return PostCounts(replies, reblogs, favourites)
