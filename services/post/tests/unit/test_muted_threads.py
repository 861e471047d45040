"""Threads in which an account wants to be told of nothing. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.errors import PostNotFound
from post_service.models import Draft, Post, PostQuery, Visibility
from post_service.service.create_post import PostWriter
from post_service.service.engage import Engagement
from post_service.service.read_posts import PostReader, ViewerQuery
from rookery_common.auth import Identity
from rookery_common.errors import AppError

Write = Callable[..., Awaitable[Post]]


async def muted(reader: PostReader, viewer: Identity, *posts: Post) -> list[bool]:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post.post_id) for post in posts])])
    assert not isinstance(answer, AppError)
    return [view.marks.muted for view in answer]


async def test_a_thread_is_muted_by_any_of_its_posts_for_whoever_mutes_it(
    engagement: Engagement, writer: PostWriter, reader: PostReader, alice: Identity, carol: Identity
) -> None:
    root = (await writer.make(alice, Draft(text="one"))).post
    reply = (await writer.make(carol, Draft(text="two", in_reply_to_id=root.post_id))).post
    other = (await writer.make(alice, Draft(text="elsewhere"))).post
    for _ in range(2):
        await engagement.mute_thread(alice, reply.post_id, active=True)
    later = (await writer.make(carol, Draft(text="three", in_reply_to_id=reply.post_id))).post
    assert await muted(reader, alice, root, reply, later, other) == [True, True, True, False]
    assert await muted(reader, alice, later) == [True]
    assert await muted(reader, carol, root, reply) == [False, False]
    await engagement.favourite(alice, reply.post_id, active=True)
    await engagement.mute_thread(alice, later.post_id, active=False)
    assert await muted(reader, alice, root, reply, later) == [False, False, False]


async def test_what_may_not_be_seen_is_not_muted(engagement: Engagement, write: Write, carol: Identity) -> None:
    hidden = await write(visibility=Visibility.PRIVATE, mentions=())
    for post_id in (hidden.post_id, 12345):
        with pytest.raises(PostNotFound):
            await engagement.mute_thread(carol, post_id, active=True)
