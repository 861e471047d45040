from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from post_service.errors import InvalidField
from post_service.models import AccountPostsQuery, AuthoredPage, Media, Post, PostState, Visibility
from post_service.service import list_posts as module
from post_service.service.list_posts import AccountPosts
from rookery_common.auth import Identity
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]


def ids(found: AuthoredPage | Sequence[Post]) -> list[int]:
    return [post.post_id for post in (found.posts if isinstance(found, AuthoredPage) else found)]


async def test_an_authors_posts_are_listed_newest_first(account_posts: AccountPosts, write: Write) -> None:
    written = [await write() for _ in range(5)]
    await write(author_id=102)
    assert ids(await account_posts.for_viewer(None, AccountPostsQuery(101))) == ids(written[::-1])
    assert ids(await account_posts.for_viewer(None, AccountPostsQuery(101, page_size=2))) == ids(written[:2:-1])


async def test_pages_follow_the_bounds(account_posts: AccountPosts, write: Write, clock: FakeClock) -> None:
    written = []
    for _ in range(6):
        written.append(await write())
        clock.advance(100 * 24 * 3600)
    number = ids(written)

    async def page(max_id: int = 0, min_id: int = 0, since_id: int = 0) -> list[int]:
        query = AccountPostsQuery(101, page_size=2, max_id=max_id, min_id=min_id, since_id=since_id)
        return [number.index(post_id) for post_id in ids(await account_posts.for_viewer(None, query))]

    assert await page(max_id=number[4]) == [3, 2]
    assert await page(max_id=number[1]) == [0]
    assert await page(since_id=number[1]) == [5, 4]
    assert await page(min_id=number[1]) == [3, 2]
    assert await page(min_id=number[1], max_id=number[3]) == [2]
    assert await page(min_id=number[5]) == []


async def test_replies_and_posts_without_media_can_be_left_out(
    account_posts: AccountPosts, write: Write, make_media: Callable[..., Media]
) -> None:
    plain = await write()
    own_thread = await write(in_reply_to_id=plain.post_id, in_reply_to_account_id=101)
    reply = await write(in_reply_to_id=7, in_reply_to_account_id=102)
    picture = await write(media=(make_media(),))
    found = await account_posts.for_viewer(None, AccountPostsQuery(101, exclude_replies=True))
    assert ids(found) == ids([picture, own_thread, plain])
    assert ids(await account_posts.for_viewer(None, AccountPostsQuery(101, only_media=True))) == [picture.post_id]
    assert reply.post_id in ids(await account_posts.for_viewer(None, AccountPostsQuery(101)))


async def test_each_viewer_is_shown_what_is_meant_for_them(
    account_posts: AccountPosts,
    write: Write,
    follows: dict[int, set[int]],
    alice: Identity,
    bob: Identity,
    carol: Identity,
) -> None:
    public, unlisted, private, direct = [await write(visibility=kind) for kind in Visibility]
    held = await write(state=PostState.HELD)
    follows[103].add(101)
    query = AccountPostsQuery(101)
    assert ids(await account_posts.for_viewer(None, query)) == ids([unlisted, public])
    assert ids(await account_posts.for_viewer(alice, query)) == ids([held, direct, private, unlisted, public])
    assert ids(await account_posts.for_viewer(bob, query)) == ids([direct, private, unlisted, public])
    assert ids(await account_posts.for_viewer(carol, query)) == ids([private, unlisted, public])
    assert ids(await account_posts.for_feed(query)) == ids([private, unlisted, public])
    assert ids(await account_posts.for_search(query)) == ids([direct, private, unlisted, public])


async def test_what_is_hidden_does_not_make_pages_short(account_posts: AccountPosts, write: Write) -> None:
    shown = []
    for number in range(60):
        post = await write(visibility=Visibility.PUBLIC if number % 20 == 0 else Visibility.DIRECT, mentions=())
        if number % 20 == 0:
            shown.append(post)
    found = await account_posts.for_viewer(None, AccountPostsQuery(101, page_size=3))
    assert ids(found) == ids(shown[::-1])


async def test_a_page_says_where_to_go_on_also_where_all_that_was_looked_at_is_hidden(
    account_posts: AccountPosts, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SCANNED_ROWS", 10)
    monkeypatch.setattr(module, "MAX_STEP_ROWS", 5)
    oldest = await write()
    for _ in range(25):
        await write(state=PostState.REMOVED)
    newest = [await write() for _ in range(3)]
    for upwards, expected in ((False, [*newest[::-1], oldest]), (True, [oldest, *newest])):
        found, bound, pages = list[int](), 0, 0
        while pages == 0 or bound:
            pages += 1
            query = AccountPostsQuery(101, 2, min_id=bound or 1) if upwards else AccountPostsQuery(101, 2, max_id=bound)
            page = await account_posts.for_search(query)
            found += ids(page)[::-1] if upwards else ids(page)
            bound = page.reached_id
        assert found == ids(expected)
        assert 3 <= pages <= 6


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (AccountPostsQuery(101, page_size=81), "page_size"),
        (AccountPostsQuery(101, page_size=-1), "page_size"),
        (AccountPostsQuery(0), "account_id"),
        (AccountPostsQuery(101, max_id=-1), "max_id"),
        (AccountPostsQuery(101, min_id=-1), "min_id"),
        (AccountPostsQuery(101, since_id=-1), "since_id"),
    ],
)
async def test_wrong_bounds_are_named(account_posts: AccountPosts, query: AccountPostsQuery, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await account_posts.for_viewer(None, query)
    assert caught.value.fields[0].field == field
