"""While Redis is away: nothing fails, and its timeouts are not waited for again and again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from post_service.events import PostCodec
from post_service.models import CountedPost, Post, PostCounts
from post_service.repository.cache import PostCache
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marks import Sheet, Week
from post_service.repository.redis_guard import AWAY_SECONDS, RedisGuard
from rookery_common.clients.redis import RedisClient
from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock


async def test_reads_find_nothing_and_writes_are_let_go(
    clock: FakeClock, codec: PostCodec, make_post: Callable[..., Post]
) -> None:
    redis = RedisClient("redis://127.0.0.1:1/0", "post-test")
    cache = PostCache(redis, RedisGuard(clock))
    post = codec.seal(make_post())
    assert await cache.get_many([post.post_id]) == {}
    await cache.put(CountedPost(post, PostCounts()), stamp=0)
    await cache.put_counts(post.post_id, PostCounts(1), stamp=1)
    await cache.fill([CountedPost(post, PostCounts())], stamp=1)
    clock.advance(AWAY_SECONDS)
    await cache.fill([CountedPost(post, PostCounts())], stamp=1)
    assert await cache.get_many([post.post_id]) == {}
    with pytest.raises(Unavailable):
        await cache.overwrite(CountedPost(post, PostCounts()), stamp=1)
    marks = MarkCache(redis, RedisGuard(clock))
    assert await marks.get_many([Week(1, 1)]) == {}
    await marks.put({Week(1, 1): Sheet({})}, stamp=1)
    await redis.stop()
