"""Lists of what accounts have marked, and of who has. Runs over the fakes, and by the link over the engines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from post_service.errors import InvalidField, PostNotFound
from post_service.models import AccountPostsQuery, EngagedBounds, FactKind, ListBounds, MarkKind, Post, Visibility
from post_service.service.engage import Engagement
from post_service.service.list_engaged import EngagedAccounts, EngagedPage
from post_service.service.list_marked import MarkedPosts
from post_service.service.list_posts import AccountPosts
from post_service.service.reblog import Reblogger
from rookery_common.auth import Identity
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]


def member(account_id: int) -> Identity:
    return Identity(account_id, account_id, 1, frozenset({"read", "write"}))


async def listed(marked: MarkedPosts, who: Identity, kind: MarkKind, **bounds: int) -> tuple[list[int], int]:
    page = await marked.page(who, kind, ListBounds(**bounds))
    return [each.post_id for each in page.posts], page.reached_id


@pytest.mark.parametrize("kind", list(MarkKind))
async def test_what_is_marked_is_listed_in_the_order_of_marking_and_leaves_with_its_mark(
    engagement: Engagement,
    marked_posts: MarkedPosts,
    write: Write,
    bob: Identity,
    carol: Identity,
    clock: FakeClock,
    kind: MarkKind,
) -> None:
    mark = engagement.favourite if kind is MarkKind.FAVOURITE else engagement.bookmark
    one, two, three = [(await write()).post_id for _ in range(3)]
    for post_id in (two, one, three, one):  # Marking again changes nothing.
        clock.advance(1)
        await mark(bob, post_id, active=True)
    assert await listed(marked_posts, bob, kind) == ([three, one, two], 0)
    assert await listed(marked_posts, carol, kind) == ([], 0)
    await mark(bob, one, active=False)
    assert await listed(marked_posts, bob, kind) == ([three, two], 0)
    clock.advance(1)
    await mark(bob, one, active=True)
    assert await listed(marked_posts, bob, kind) == ([one, three, two], 0)


@pytest.mark.parametrize("kind", list(MarkKind))
async def test_a_list_is_paged_both_ways_over_years(
    engagement: Engagement, marked_posts: MarkedPosts, write: Write, bob: Identity, clock: FakeClock, kind: MarkKind
) -> None:
    mark = engagement.favourite if kind is MarkKind.FAVOURITE else engagement.bookmark
    post_ids = []
    for _ in range(5):
        clock.advance(100 * 24 * 3600)
        post_ids.append((await write()).post_id)
        await mark(bob, post_ids[-1], active=True)
    newest_first = post_ids[::-1]
    first, reached = await listed(marked_posts, bob, kind, page_size=2)
    assert first == newest_first[:2]
    second, further = await listed(marked_posts, bob, kind, page_size=2, max_id=reached)
    assert second == newest_first[2:4]
    assert await listed(marked_posts, bob, kind, page_size=2, max_id=further) == (newest_first[4:], 0)
    above, _ = await listed(marked_posts, bob, kind, page_size=2, min_id=further)
    assert above == newest_first[1:3]
    since, _ = await listed(marked_posts, bob, kind, page_size=4, since_id=further)
    assert since == newest_first[:3]


async def test_bounds_that_are_none_are_named(marked_posts: MarkedPosts, bob: Identity) -> None:
    for field in ("page_size", "max_id", "min_id", "since_id"):
        with pytest.raises(InvalidField) as caught:
            await listed(marked_posts, bob, MarkKind.BOOKMARK, **{field: -1})
        assert [violation.field for violation in caught.value.fields] == [field]


async def test_who_favours_and_who_reblogs_is_listed_the_latest_first_and_to_the_end(
    engagement: Engagement,
    reblogger: Reblogger,
    engaged_accounts: EngagedAccounts,
    write: Write,
    clock: FakeClock,
) -> None:
    post_id = (await write()).post_id
    people = [member(number) for number in range(201, 221)]
    for who in people:
        clock.advance(1)
        await engagement.favourite(who, post_id, active=True)
    await engagement.favourite(people[0], post_id, active=False)
    for who in people[:3]:
        clock.advance(1)
        reblog_id = (await reblogger.reblog(who, post_id, Visibility.PUBLIC)).post_id
    whole = await engaged_accounts.page(None, FactKind.FAVOURITE, post_id, EngagedBounds(80))
    assert whole[:2] == ([who.account_id for who in people[:0:-1]], 0)
    for shown_id in (post_id, reblog_id):  # A reblog's are those of what it shows.
        page = await engaged_accounts.page(None, FactKind.REBLOG, shown_id, EngagedBounds(80))
        assert page.account_ids == [203, 202, 201]
    found, after = [], 0
    for _ in range(10):
        page = await engaged_accounts.page(None, FactKind.FAVOURITE, post_id, EngagedBounds(7, after))
        found += page.account_ids
        after = page.reached_id
        if not after:
            break
    assert not after
    assert sorted(found) == [who.account_id for who in people[1:]]


async def test_who_engages_is_paged_both_ways(
    engagement: Engagement, engaged_accounts: EngagedAccounts, write: Write, clock: FakeClock
) -> None:
    post_id = (await write()).post_id
    people = [member(number) for number in range(201, 241)]
    for who in people:
        clock.advance(1)
        await engagement.favourite(who, post_id, active=True)
    for who in people[::3]:
        await engagement.favourite(who, post_id, active=False)
    left = {who.account_id for place, who in enumerate(people) if place % 3}

    async def page(size: int, **bounds: int) -> EngagedPage:
        return await engaged_accounts.page(None, FactKind.FAVOURITE, post_id, EngagedBounds(size, **bounds))

    pages = [await page(5)]
    while pages[-1].reached_id:
        pages.append(await page(5, after=pages[-1].reached_id))
    pages = [each for each in pages if each.account_ids]
    assert sorted(number for each in pages for number in each.account_ids) == sorted(left)
    for ahead, behind in pairwise(pages):
        assert all(page.account_ids == sorted(page.account_ids, reverse=True) for page in (ahead, behind))
        # Bounds are those of links: what is just ahead, all that is ahead, and what is between two.
        back = await page(5, before=behind.ahead_id)
        assert back == EngagedPage(ahead.account_ids, ahead.reached_id, ahead.ahead_id)
        earlier = {number for each in pages[: pages.index(behind)] for number in each.account_ids}
        assert set((await page(80, until=behind.ahead_id)).account_ids) == earlier
        assert (await page(5, until=behind.ahead_id)).account_ids == pages[0].account_ids
        between = await page(80, after=ahead.ahead_id, until=behind.ahead_id)
        assert (set(between.account_ids), between.reached_id) == ({*ahead.account_ids} - {ahead.ahead_id}, 0)
        assert await page(80, after=ahead.ahead_id, before=behind.ahead_id) == between
    top = pages[0].ahead_id
    assert [await page(5, **{bound: top}) for bound in ("before", "until")] == [EngagedPage([], 0, 0)] * 2
    first, second = pages[1].ahead_id, pages[2].ahead_id
    assert (await page(80, before=first, until=second)).account_ids == pages[0].account_ids
    assert (await page(80, before=second, until=first)).account_ids == pages[0].account_ids


async def test_who_engages_is_only_shown_to_those_who_may_see_the_post(
    engagement: Engagement, engaged_accounts: EngagedAccounts, write: Write, alice: Identity, carol: Identity
) -> None:
    post_id = (await write(visibility=Visibility.PRIVATE)).post_id
    await engagement.favourite(alice, post_id, active=True)
    assert (await engaged_accounts.page(alice, FactKind.FAVOURITE, post_id, EngagedBounds(5))).account_ids == [101]
    for who, number in ((carol, post_id), (None, post_id), (alice, 12345)):
        with pytest.raises(PostNotFound):
            await engaged_accounts.page(who, FactKind.FAVOURITE, number, EngagedBounds(5))


async def test_an_accounts_posts_are_listed_without_reblogs_and_by_hashtag(
    account_posts: AccountPosts, reblogger: Reblogger, write: Write, alice: Identity
) -> None:
    others = await write(author_id=102)
    plain, tagged = await write(tags=()), await write(tags=("birds",))
    reblog = await reblogger.reblog(alice, others.post_id, Visibility.PUBLIC)

    async def ids(**filters: object) -> list[int]:
        query = AccountPostsQuery(101, 20, **filters)  # type: ignore[arg-type] # names of fields
        return [post.post_id for post in (await account_posts.for_viewer(None, query)).posts]

    assert set(await ids()) == {reblog.post_id, tagged.post_id, plain.post_id}
    assert set(await ids(exclude_reblogs=True)) == {tagged.post_id, plain.post_id}
    assert await ids(tag="birds") == [tagged.post_id]
