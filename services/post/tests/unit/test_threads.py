"""Threads: order, visibility and bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from post_service.errors import PostNotFound
from post_service.models import MAX_THREAD_POSTS_UNSIGNED, Post, Visibility
from post_service.service import threads as threads_module
from post_service.service.read_posts import PostReader
from post_service.service.threads import POSTS_AT_ONCE, ThreadReader
from rookery_common.auth import Identity

Write = Callable[..., Awaitable[Post]]


async def test_a_thread_is_in_reading_order_from_any_post(threads: ThreadReader, write: Write, alice: Identity) -> None:
    root = await write()
    one, two = await write(in_reply_to_id=root.post_id), await write(in_reply_to_id=root.post_id)
    one_one = await write(in_reply_to_id=one.post_id)
    one_one_one, one_two = await write(in_reply_to_id=one_one.post_id), await write(in_reply_to_id=one.post_id)
    ids = [post.post_id for post in (one, one_one, one_one_one, one_two, two)]
    assert await threads.thread(alice, root.post_id, 0) == ([], ids)
    assert await threads.thread(alice, one_one.post_id, 0) == ([root.post_id, one.post_id], [one_one_one.post_id])
    assert (await threads.thread(alice, root.post_id, 2)).descendant_ids == [one.post_id, two.post_id]
    assert (await threads.thread(alice, root.post_id, 3)).descendant_ids == [one.post_id, one_one.post_id, two.post_id]


async def test_what_may_not_be_seen_is_in_no_thread(
    threads: ThreadReader, write: Write, alice: Identity, carol: Identity
) -> None:
    root = await write()
    secret = await write(in_reply_to_id=root.post_id, visibility=Visibility.DIRECT)  # between alice and bob
    under = await write(in_reply_to_id=secret.post_id)
    assert (await threads.thread(alice, root.post_id, 0)).descendant_ids == [secret.post_id, under.post_id]
    assert (await threads.thread(carol, root.post_id, 0)).descendant_ids == []
    assert (await threads.thread(carol, under.post_id, 0)).ancestor_ids == []
    with pytest.raises(PostNotFound):
        await threads.thread(None, secret.post_id, 0)


async def test_strangers_are_shown_less(
    threads: ThreadReader, write: Write, alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads_module, "MAX_DEPTH_UNSIGNED", 3)
    monkeypatch.setattr(threads_module, "MAX_ANCESTORS_UNSIGNED", 2)
    chain = [await write()]
    for _ in range(5):
        chain.append(await write(in_reply_to_id=chain[-1].post_id))
    ids = [post.post_id for post in chain]
    assert await threads.thread(None, ids[0], 0) == ([], ids[1:4])
    assert await threads.thread(None, ids[4], 4096) == (ids[2:4], ids[5:])
    assert await threads.thread(alice, ids[5], 0) == (ids[:5], [])
    many = [(await write(in_reply_to_id=ids[5])).post_id for _ in range(MAX_THREAD_POSTS_UNSIGNED + 1)]
    assert (await threads.thread(None, ids[5], 4096)).descendant_ids == many[:-1]
    assert (await threads.thread(alice, ids[5], 4096)).descendant_ids == many


async def test_a_thousand_replies_are_read_in_pages_none_of_which_costs_more_than_the_others(
    threads: ThreadReader, reader: PostReader, write: Write, alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = await write()
    replies = [(await write(in_reply_to_id=root.post_id)).post_id for _ in range(1_000)]
    nested = [(await write(in_reply_to_id=reply_id)).post_id for reply_id in replies[:2]]
    pages: list[int] = []
    visible_counted = reader.visible_counted

    async def note(identity: Identity | None, post_ids: Sequence[int]) -> object:
        pages.append(len(post_ids))
        return await visible_counted(identity, post_ids)

    monkeypatch.setattr(reader, "visible_counted", note)
    found = (await threads.thread(alice, root.post_id, 0)).descendant_ids
    assert found == [replies[0], nested[0], replies[1], nested[1], *replies[2:]]
    assert pages == [1, *[POSTS_AT_ONCE] * 5, 2]  # The post, what answers it, and what answers those.
