from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from post_service.errors import InvalidField, PostNotFound
from post_service.models import (
    MAX_POSTS_PER_QUERY,
    Post,
    PostCounts,
    PostQuery,
    PostState,
    PostView,
    Visibility,
)
from post_service.repository.cache import PostCache
from post_service.service.read_posts import PostReader, ViewerQuery
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Unavailable

Write = Callable[..., Awaitable[Post]]


def query(viewer: Identity | None, *posts: Post) -> ViewerQuery:
    return ViewerQuery(viewer, [PostQuery(post.post_id) for post in posts])


async def views(reader: PostReader, viewer: Identity | None, *posts: Post) -> list[PostView]:
    (answer,) = await reader.batch_get([query(viewer, *posts)])
    assert not isinstance(answer, AppError)
    return answer


def ids(answer: Sequence[PostView] | AppError) -> list[int]:
    assert not isinstance(answer, AppError)
    return [view.post.post_id for view in answer]


@pytest.mark.parametrize(
    ("visibility", "viewers"),
    [
        (Visibility.PUBLIC, {0, 101, 102, 103, 104}),
        (Visibility.UNLISTED, {0, 101, 102, 103, 104}),
        (Visibility.PRIVATE, {101, 102, 103}),
        (Visibility.DIRECT, {101, 102}),
    ],
)
async def test_a_post_is_seen_by_those_it_is_meant_for(
    reader: PostReader, write: Write, follows: dict[int, set[int]], visibility: Visibility, viewers: set[int]
) -> None:
    post = await write(visibility=visibility)  # by 101, mentions 102
    follows[103].add(101)
    for account_id in (0, 101, 102, 103, 104):
        seen = await views(reader, Identity(account_id, 1, 1), post)
        assert bool(seen) == (account_id in viewers), account_id
    assert bool(await views(reader, None, post)) == (0 in viewers)


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize(
    ("state", "viewers"), [(PostState.HELD, {101}), (PostState.REMOVED, set()), (PostState.DELETED, set())]
)
async def test_what_policy_hides_is_hidden_whatever_its_visibility(
    reader: PostReader,
    write: Write,
    follows: dict[int, set[int]],
    visibility: Visibility,
    state: PostState,
    viewers: set[int],
) -> None:
    post = await write(visibility=visibility, state=state)
    follows[103].add(101)
    for account_id in (0, 101, 102, 103):
        assert bool(await views(reader, Identity(account_id, 1, 1), post)) == (account_id in viewers)


@pytest.mark.parametrize("visibility", list(Visibility))
async def test_who_moderates_reads_what_is_held_with_a_token_for_that_and_nothing_else(
    reader: PostReader, write: Write, visibility: Visibility
) -> None:
    held = await write(visibility=visibility, state=PostState.HELD)
    removed = await write(visibility=visibility, state=PostState.REMOVED)
    tokens = [(scope, role) for scope in ("read", "admin:read", "admin:read:reports") for role in ("moderator", "none")]
    for scope, role in tokens:
        viewer = Identity(104, 1, 1, frozenset({scope}), frozenset({role}))
        found = [view.post.post_id for view in await views(reader, viewer, held, removed)]
        assert found == ([held.post_id] if (scope, role) == ("admin:read", "moderator") else [])
        with pytest.raises(PostNotFound):  # reading is not yet liking or replying
            await reader.require_visible(viewer, await reader.original(held.post_id))


async def test_posts_come_in_the_order_asked_for_and_unknown_ones_are_left_out(
    reader: PostReader, write: Write, alice: Identity, make_post: Callable[..., Post]
) -> None:
    one, two, unknown = await write(), await write(), make_post()
    assert ids(await views(reader, alice, two, unknown, one)) == [two.post_id, one.post_id]


async def test_the_body_is_left_out_only_where_the_caller_holds_this_version(
    reader: PostReader, write: Write, alice: Identity
) -> None:
    post = await write()
    for known, left_out in ((post.version, True), (post.version - 1, False), (0, False)):
        (answer,) = await reader.batch_get([ViewerQuery(alice, [PostQuery(post.post_id, known)])])
        assert not isinstance(answer, AppError)
        assert answer[0].known == left_out


async def test_entries_are_answered_each_for_its_own_viewer(
    reader: PostReader, write: Write, follows: dict[int, set[int]], alice: Identity, carol: Identity
) -> None:
    private, direct = await write(visibility=Visibility.PRIVATE), await write(visibility=Visibility.DIRECT)
    follows[103].add(101)
    answers = await reader.batch_get([query(who, private, direct) for who in (alice, carol, None)])
    assert [ids(answer) for answer in answers] == [[private.post_id, direct.post_id], [private.post_id], []]


async def test_an_entry_that_asks_for_too_much_fails_alone(reader: PostReader, write: Write, alice: Identity) -> None:
    post = await write()
    greedy = ViewerQuery(alice, [PostQuery(number) for number in range(1, MAX_POSTS_PER_QUERY + 2)])
    refused, answered = await reader.batch_get([greedy, query(alice, post)])
    assert isinstance(refused, InvalidField)
    assert ids(answered) == [post.post_id]


async def test_while_user_is_away_only_what_depends_on_follows_is_left_out(
    reader: PostReader, write: Write, follows: dict[int, set[int]], away: set[str], bob: Identity, carol: Identity
) -> None:
    public, private = await write(), await write(visibility=Visibility.PRIVATE)
    follows[103].add(101)
    away.add("user")
    assert ids(await views(reader, carol, public, private)) == [public.post_id]
    assert ids(await views(reader, bob, public, private)) == [public.post_id, private.post_id]


async def test_what_was_read_once_is_read_from_the_cache(
    reader: PostReader, write: Write, away: set[str], alice: Identity
) -> None:
    post = await write()
    first = await views(reader, alice, post)
    away.add("cql")
    assert await views(reader, alice, post) == first


async def test_without_redis_and_without_cql(reader: PostReader, write: Write, away: set[str], alice: Identity) -> None:
    post = await write()
    away.add("redis")
    assert ids(await views(reader, alice, post)) == [post.post_id]
    away.add("cql")
    with pytest.raises(Unavailable):
        await views(reader, alice, post)


async def test_replies_are_counted(reader: PostReader, write: Write, cache: PostCache, alice: Identity) -> None:
    post = await write()
    await write(in_reply_to_id=post.post_id, in_reply_to_account_id=101)
    assert (await views(reader, alice, post))[0].counts == PostCounts(replies=1)
    await write(in_reply_to_id=post.post_id, in_reply_to_account_id=101)
    await reader.refresh_counts(post.post_id)
    assert (await views(reader, alice, post))[0].counts == PostCounts(replies=2)


async def test_counts_that_can_not_be_refreshed_stay_as_they_were(
    reader: PostReader, write: Write, away: set[str], alice: Identity
) -> None:
    post = await write()
    before = await views(reader, alice, post)
    away.add("cql")
    await reader.refresh_counts(post.post_id)
    assert await views(reader, alice, post) == before
