"""What is cached, and what may replace it. Runs over the fake, and as engine/test_cache.py over Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from post_service.events import PostCodec
from post_service.models import Mention, Post, PostCounts, Visibility
from post_service.repository.cache import PostCache

MakePost = Callable[..., Post]


async def test_posts_and_counts_are_found_as_they_were_put(
    cache: PostCache, codec: PostCodec, make_post: MakePost
) -> None:
    mentions = tuple(Mention(1000 + number, f"user{number}") for number in range(20))
    posts = [codec.seal(make_post(mentions=mentions)), codec.seal(make_post(mentions=(), visibility=Visibility.DIRECT))]
    for post in posts:
        await cache.put(post)
    await cache.put_counts(posts[0].post_id, PostCounts(3, 2, 1), stamp=5)
    found, counts = await cache.get_many([posts[0].post_id, 12345, posts[1].post_id])
    assert found == {post.post_id: post for post in posts}
    assert counts == {posts[0].post_id: PostCounts(3, 2, 1)}
    assert await cache.get_many([]) == ({}, {})


async def test_an_older_post_never_replaces_a_newer_one(
    cache: PostCache, codec: PostCodec, make_post: MakePost
) -> None:
    newer = codec.seal(make_post())
    older = replace(newer, version=newer.version - 1, body=b"old")
    await cache.put(newer)
    await cache.put(older)
    assert (await cache.get_many([newer.post_id]))[0] == {newer.post_id: newer}
    newest = replace(newer, version=newer.version + 256, body=b"new")
    await cache.put(newest)
    assert (await cache.get_many([newer.post_id]))[0] == {newer.post_id: newest}


async def test_counts_read_earlier_never_replace_those_read_later(cache: PostCache) -> None:
    await cache.put_counts(7, PostCounts(replies=2), stamp=300)
    await cache.put_counts(7, PostCounts(replies=1), stamp=255)
    assert (await cache.get_many([7]))[1] == {7: PostCounts(replies=2)}
    await cache.put_counts(7, PostCounts(replies=0), stamp=300)
    assert (await cache.get_many([7]))[1] == {7: PostCounts(replies=0)}


async def test_a_reader_fills_only_what_is_not_there(cache: PostCache, codec: PostCodec, make_post: MakePost) -> None:
    written, missing = codec.seal(make_post()), codec.seal(make_post())
    await cache.put(written)
    await cache.put_counts(written.post_id, PostCounts(replies=9), stamp=9)
    stale = replace(written, body=b"stale")
    await cache.fill([stale, missing], {written.post_id: PostCounts(), missing.post_id: PostCounts(replies=1)}, stamp=1)
    found, counts = await cache.get_many([written.post_id, missing.post_id])
    assert found == {written.post_id: written, missing.post_id: missing}
    assert counts == {written.post_id: PostCounts(replies=9), missing.post_id: PostCounts(replies=1)}
