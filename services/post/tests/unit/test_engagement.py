"""Favourites, bookmarks and reblogs: who may, what is counted and marked, and what is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.errors import InvalidField, NotRebloggable, PostNotFound
from post_service.models import AccountPostsQuery, Post, PostMarks, PostQuery, PostState, PostView, Visibility
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.list_posts import AccountPosts
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.reblog import Reblogger
from rookery.post.v1.engagement_events_pb2 import PostFavourited, PostUnfavourited
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.kafka.events import Event

Write = Callable[..., Awaitable[Post]]


async def views(reader: PostReader, viewer: Identity | None, *post_ids: int) -> dict[int, PostView]:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post_id) for post_id in post_ids])])
    assert not isinstance(answer, AppError)
    return {view.post.post_id: view for view in answer}


async def test_a_favourite_is_counted_marked_and_told_of_once(
    engagement: Engagement, reader: PostReader, write: Write, published: list[Event], bob: Identity, carol: Identity
) -> None:
    post = await write()
    for active in (True, True, False, False):
        await engagement.favourite(bob, post.post_id, active=active)
        mine, others = await views(reader, bob, post.post_id), await views(reader, carol, post.post_id)
        assert mine[post.post_id].marks == PostMarks(favourited=active)
        assert others[post.post_id].marks == PostMarks()
        assert others[post.post_id].counts.favourites == int(active)
    first, second = (event.decode() for event in published)
    assert isinstance(first, PostFavourited)
    assert isinstance(second, PostUnfavourited)
    assert first.favourite.version < second.favourite.version
    assert (first.favourite.post_author_id, first.favourite.create_time) == (101, second.favourite.create_time)
    assert {event.key for event in published} == {f"{post.post_id}:102"}


async def test_bookmarks_are_the_accounts_own(
    engagement: Engagement, reader: PostReader, write: Write, published: list[Event], bob: Identity
) -> None:
    post = await write()
    for active in (True, True, False):
        await engagement.bookmark(bob, post.post_id, active=active)
        assert (await views(reader, bob, post.post_id))[post.post_id].marks == PostMarks(bookmarked=active)
    assert published == []


async def test_what_may_not_be_seen_can_not_be_marked_but_what_was_marked_can_be_undone(
    engagement: Engagement,
    reblogger: Reblogger,
    reader: PostReader,
    write: Write,
    follows: dict[int, set[int]],
    carol: Identity,
) -> None:
    post = await write(visibility=Visibility.PRIVATE)
    for active in (True, False):
        with pytest.raises(PostNotFound):
            await engagement.favourite(carol, post.post_id, active=active)
        with pytest.raises(PostNotFound):
            await engagement.bookmark(carol, post.post_id, active=active)
    with pytest.raises(PostNotFound):
        await reblogger.unreblog(carol, post.post_id)
    with pytest.raises(PostNotFound):
        await engagement.favourite(carol, 12345, active=True)
    follows[103].add(101)
    await engagement.favourite(carol, post.post_id, active=True)
    follows[103].clear()
    await engagement.favourite(carol, post.post_id, active=False)
    follows[103].add(101)
    assert (await views(reader, carol, post.post_id))[post.post_id].counts.favourites == 0


async def test_a_reblog_is_a_post_that_shows_another(
    reblogger: Reblogger,
    engagement: Engagement,
    reader: PostReader,
    write: Write,
    published: list[Event],
    bob: Identity,
) -> None:
    post = await write()
    reblog = await reblogger.reblog(bob, post.post_id, Visibility.PUBLIC)
    assert (reblog.author_id, reblog.reblog_of_id, reblog.text, reblog.thread_id) == (
        102,
        post.post_id,
        "",
        reblog.post_id,
    )
    assert await reblogger.reblog(bob, reblog.post_id, Visibility.PUBLIC) == reblog
    (event,) = published
    told = event.decode()
    assert isinstance(told, PostCreated)
    assert (told.post.reblog_of_id, int(told.post.state), event.key) == (
        post.post_id,
        PostState.VISIBLE,
        str(reblog.post_id),
    )
    await engagement.favourite(bob, reblog.post_id, active=True)
    seen = await views(reader, bob, post.post_id, reblog.post_id)
    assert seen[post.post_id].marks == PostMarks(favourited=True, reblogged=True)
    assert seen[post.post_id].counts == (0, 1, 1, 0)
    assert seen[reblog.post_id].marks == PostMarks()


async def test_a_reblog_taken_back_is_gone_for_good_and_the_next_is_another(
    reblogger: Reblogger, reader: PostReader, write: Write, published: list[Event], bob: Identity
) -> None:
    post = await write()
    await reblogger.unreblog(bob, post.post_id)
    first = await reblogger.reblog(bob, post.post_id, Visibility.PUBLIC)
    for _ in range(2):
        await reblogger.unreblog(bob, post.post_id)
        seen = await views(reader, bob, post.post_id, first.post_id)
        assert set(seen) == {post.post_id}
        assert (seen[post.post_id].counts.reblogs, seen[post.post_id].marks) == (0, PostMarks())
    second = await reblogger.reblog(bob, post.post_id, Visibility.PUBLIC)
    assert second.post_id != first.post_id
    assert (await views(reader, bob, post.post_id))[post.post_id].counts.reblogs == 1
    assert [type(event.decode()) for event in published] == [PostCreated, PostDeleted, PostCreated]


@pytest.mark.parametrize(
    ("visibility", "state", "by_author", "asked", "expected"),
    [
        (Visibility.PUBLIC, PostState.VISIBLE, False, Visibility.UNLISTED, Visibility.UNLISTED),
        (Visibility.UNLISTED, PostState.VISIBLE, False, Visibility.PUBLIC, Visibility.PUBLIC),
        (Visibility.UNLISTED, PostState.VISIBLE, False, Visibility.PRIVATE, Visibility.PRIVATE),
        (Visibility.PRIVATE, PostState.VISIBLE, True, Visibility.PUBLIC, Visibility.PRIVATE),
        (Visibility.PRIVATE, PostState.VISIBLE, False, Visibility.PUBLIC, None),
        (Visibility.DIRECT, PostState.VISIBLE, True, Visibility.PUBLIC, None),
        (Visibility.PUBLIC, PostState.HELD, True, Visibility.PUBLIC, None),
    ],
)
async def test_a_reblog_is_never_seen_by_more_than_the_post_is_meant_for(
    reblogger: Reblogger,
    write: Write,
    alice: Identity,
    bob: Identity,
    visibility: Visibility,
    state: PostState,
    by_author: bool,
    asked: Visibility,
    expected: Visibility | None,
) -> None:
    post = await write(visibility=visibility, state=state)  # mentions bob
    who = alice if by_author else bob
    if expected is None:
        with pytest.raises(NotRebloggable):
            await reblogger.reblog(who, post.post_id, asked)
    else:
        assert (await reblogger.reblog(who, post.post_id, asked)).visibility == expected
    with pytest.raises(InvalidField):
        await reblogger.reblog(who, post.post_id, Visibility.DIRECT)


async def test_a_reblog_of_what_is_gone_or_hidden_is_shown_nowhere(
    reblogger: Reblogger,
    remover: PostRemover,
    reader: PostReader,
    account_posts: AccountPosts,
    write: Write,
    follows: dict[int, set[int]],
    alice: Identity,
    bob: Identity,
    carol: Identity,
) -> None:
    private = await write(visibility=Visibility.PRIVATE, mentions=())
    own = await reblogger.reblog(alice, private.post_id, Visibility.PUBLIC)
    assert await views(reader, carol, own.post_id) == {}
    follows[103].add(101)
    assert set(await views(reader, carol, own.post_id)) == {own.post_id}
    post = await write()
    reblog = await reblogger.reblog(bob, post.post_id, Visibility.PUBLIC)
    shown = await account_posts.for_viewer(carol, AccountPostsQuery(102))
    assert [item.post_id for item in shown.posts] == [reblog.post_id]
    await remover.delete(alice, post.post_id)
    assert await views(reader, bob, reblog.post_id, post.post_id) == {}
    assert (await account_posts.for_viewer(carol, AccountPostsQuery(102))).posts == []


async def test_posts_are_shown_without_marks_while_these_can_not_be_read(
    engagement: Engagement, reader: PostReader, write: Write, away: set[str], bob: Identity, carol: Identity
) -> None:
    post = await write()
    await engagement.favourite(bob, post.post_id, active=True)
    away.add("cql")
    assert (await views(reader, bob, post.post_id))[post.post_id].marks == PostMarks(favourited=True)
    assert (await views(reader, carol, post.post_id))[post.post_id].marks == PostMarks()
    away.symmetric_difference_update({"cql", "redis"})
    assert (await views(reader, bob, post.post_id))[post.post_id].marks == PostMarks(favourited=True)


async def test_nobody_signed_in_has_no_marks(
    reader: PostReader, write: Write, engagement: Engagement, bob: Identity
) -> None:
    post = await write()
    await engagement.favourite(bob, post.post_id, active=True)
    assert (await views(reader, None, post.post_id))[post.post_id].marks == PostMarks()
