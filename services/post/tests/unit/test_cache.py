"""What is cached, and what may replace it. Runs over the fake, and as engine/test_cache.py over Redis."""

from __future__ import annotations

from collections.abc import Callable

from post_service.events import PostCodec
from post_service.models import CountedPost, Mention, Post, PostCounts, Visibility
from post_service.repository.cache import PostCache

MakePost = Callable[..., Post]
NONE = PostCounts()


async def test_posts_are_found_as_they_were_put(cache: PostCache, codec: PostCodec, make_post: MakePost) -> None:
    mentions = tuple(Mention(1000 + number, f"user{number}") for number in range(20))
    posts = [codec.seal(make_post(mentions=mentions)), codec.seal(make_post(mentions=(), visibility=Visibility.DIRECT))]
    for number, post in enumerate(posts):
        await cache.put(CountedPost(post, PostCounts(number)), stamp=1)
    found = await cache.get_many([posts[0].post_id, 12345, posts[1].post_id])
    assert found == {post.post_id: CountedPost(post, PostCounts(number)) for number, post in enumerate(posts)}
    assert await cache.get_many([]) == {}


async def test_an_older_post_never_replaces_a_newer_one_and_counts_stay(
    cache: PostCache, codec: PostCodec, make_post: MakePost
) -> None:
    newer, counts = codec.seal(make_post()), PostCounts(3, 2, 1)
    await cache.put(CountedPost(newer, NONE), stamp=0)
    await cache.put_counts(newer.post_id, counts, stamp=5)
    await cache.put(CountedPost(newer._replace(version=newer.version - 1, body=b"old"), NONE), stamp=9)
    assert await cache.get_many([newer.post_id]) == {newer.post_id: CountedPost(newer, counts)}
    newest = newer._replace(version=newer.version + 256, body=b"new", state=4, mentioned=())
    await cache.put(CountedPost(newest, NONE), stamp=9)
    assert await cache.get_many([newer.post_id]) == {newer.post_id: CountedPost(newest, counts)}


async def test_nothing_replaces_a_tombstone_and_a_tombstone_replaces_all(
    cache: PostCache, codec: PostCodec, make_post: MakePost
) -> None:
    post = codec.seal(make_post())
    newer, tombstone = post._replace(version=post.version + 9), post._replace(version=post.version + 1, state=4)
    for written, kept in ((newer, newer), (tombstone, tombstone), (newer, tombstone)):
        await cache.put(CountedPost(written, NONE), stamp=1)
        assert (await cache.get_many([post.post_id]))[post.post_id].post == kept
    last = tombstone._replace(version=post.version + 20, body=b"")
    await cache.overwrite(CountedPost(last, NONE), stamp=1)
    assert (await cache.get_many([post.post_id]))[post.post_id].post == last


async def test_counts_read_earlier_never_replace_those_read_later(
    cache: PostCache, codec: PostCodec, make_post: MakePost
) -> None:
    post = codec.seal(make_post())
    await cache.put(CountedPost(post, NONE), stamp=0)
    for replies, stamp, kept in ((2, 300, 2), (1, 255, 2), (0, 300, 0), (7, 1_772_366_400_000_000, 7)):
        await cache.put_counts(post.post_id, PostCounts(replies), stamp)
        assert (await cache.get_many([post.post_id]))[post.post_id].counts == PostCounts(kept)


async def test_counts_of_what_is_not_cached_are_not_cached_either(cache: PostCache) -> None:
    await cache.put_counts(7, PostCounts(replies=2), stamp=1)
    assert await cache.get_many([7]) == {}


async def test_a_reader_fills_only_what_is_not_there(cache: PostCache, codec: PostCodec, make_post: MakePost) -> None:
    written, missing = codec.seal(make_post()), codec.seal(make_post())
    await cache.put(CountedPost(written, NONE), stamp=0)
    stale, fresh = CountedPost(written._replace(body=b"stale"), PostCounts(9)), CountedPost(missing, PostCounts(1))
    await cache.fill([stale, fresh], stamp=3)
    assert await cache.get_many([written.post_id, missing.post_id]) == {
        written.post_id: CountedPost(written, NONE),
        missing.post_id: fresh,
    }
    await cache.put_counts(missing.post_id, PostCounts(2), stamp=2)
    assert (await cache.get_many([missing.post_id]))[missing.post_id] == fresh
