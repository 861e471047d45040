"""Deleting posts: who may, what is left, and what others see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.consumers import DeletionsHandler
from post_service.errors import MediaNotFound, PostNotFound
from post_service.models import Draft, Media, Post, PostState, Visibility
from post_service.repository.cache import PostCache
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from rookery.post.v1.events_pb2 import PostDeleted
from rookery_common.auth import Identity
from rookery_common.kafka.events import Event

Write = Callable[..., Awaitable[Post]]


async def test_a_deleted_post_is_returned_as_it_was_and_gone_for_everybody(
    writer: PostWriter,
    remover: PostRemover,
    reader: PostReader,
    posts: PostRepository,
    cache: PostCache,
    published: list[Event],
    alice: Identity,
) -> None:
    parent = (await writer.make(alice, Draft(text="parent"))).post
    post = (await writer.make(alice, Draft(text="gone", in_reply_to_id=parent.post_id))).post
    published.clear()
    assert await remover.delete(alice, post.post_id) == post
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert (stored.state, stored.text) == (PostState.DELETED, "")
    cached = await cache.get_many([post.post_id, parent.post_id])
    assert (cached[post.post_id].post.state, cached[parent.post_id].counts.replies) == (PostState.DELETED, 0)
    assert await reader.visible(alice, [post.post_id]) == {}
    (event,) = published
    told = event.decode()
    assert isinstance(told, PostDeleted)
    assert (told.post.text, told.post.in_reply_to_id, event.version) == ("", parent.post_id, stored.version)
    assert (await remover.delete(alice, post.post_id)).text == ""
    assert len(published) == 1


async def test_only_its_author_deletes_a_post(remover: PostRemover, write: Write, bob: Identity) -> None:
    post = await write()
    for post_id in (post.post_id, 12345):
        with pytest.raises(PostNotFound):
            await remover.delete(bob, post_id)


async def test_the_pictures_of_a_deleted_post_may_be_taken_by_another(
    writer: PostWriter,
    remover: PostRemover,
    media: MediaRepository,
    make_media: Callable[..., Media],
    alice: Identity,
) -> None:
    picture = make_media()
    await media.put(picture)
    draft = Draft(text="look", media_ids=(picture.media_id,))
    first = (await writer.make(alice, draft)).post
    await remover.delete(alice, first.post_id)
    second = (await writer.make(alice, draft)).post
    assert [item.media_id for item in second.media] == [picture.media_id]


async def test_the_pictures_of_a_post_that_is_deleted_with_them_are_nobodys(
    writer: PostWriter,
    remover: PostRemover,
    media: MediaRepository,
    make_media: Callable[..., Media],
    alice: Identity,
) -> None:
    picture = make_media()
    await media.put(picture)
    draft = Draft(text="look", media_ids=(picture.media_id,))
    first = (await writer.make(alice, draft)).post
    deleted = await remover.delete(alice, first.post_id, with_media=True)
    assert [item.media_id for item in deleted.media] == [picture.media_id]
    assert await media.get_many([picture.media_id]) == {}
    with pytest.raises(MediaNotFound):
        await writer.make(alice, draft)


async def test_the_reblogs_of_a_deleted_post_are_deleted_and_told_of(
    remover: PostRemover,
    reblogger: Reblogger,
    reader: PostReader,
    posts: PostRepository,
    write: Write,
    published: list[Event],
    alice: Identity,
    bob: Identity,
    carol: Identity,
) -> None:
    post, other = await write(), await write()
    made = [await reblogger.reblog(who, post.post_id, Visibility.PUBLIC) for who in (alice, bob, carol)]
    kept = await reblogger.reblog(bob, other.post_id, Visibility.PUBLIC)
    await reblogger.unreblog(carol, post.post_id)
    handler = DeletionsHandler(remover, reader)
    await remover.delete(alice, post.post_id)
    for event in [event for event in published if isinstance(event.decode(), PostDeleted)] * 2:
        await handler(event)
    gone = await posts.get_many(reblog.post_id for reblog in made)
    assert {reblog.state for reblog in gone.values()} == {PostState.DELETED}
    assert set(await reader.visible(carol, [kept.post_id])) == {kept.post_id}
    deleted = [int(event.key) for event in published if isinstance(event.decode(), PostDeleted)]
    assert sorted(deleted) == sorted([post.post_id, *gone])
