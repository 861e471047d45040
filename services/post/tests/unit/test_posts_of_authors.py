"""Posts of many authors as one list. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from post_service.errors import InvalidField
from post_service.models import AuthorsQuery, Post, PostState, Visibility
from post_service.repository.posts import PostRepository
from post_service.service import posts_of_authors as module
from post_service.service.posts_of_authors import PostsOfAuthors
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]
ALICE, BOB, CAROL, DAN = 101, 102, 103, 104


async def _walk(posts_of_authors: PostsOfAuthors, authors: Sequence[int], size: int, *, upwards: bool) -> list[int]:
    """All pages in one direction, newest first in the end."""
    found, reached = list[int](), 0
    while True:
        bounds = {"min_id": reached or 1} if upwards else {"max_id": reached}
        page = await posts_of_authors.page(AuthorsQuery(authors, 0, size, upwards=upwards, **bounds))
        found += [post.post_id for post in page.posts]
        reached = page.reached_id
        if not reached:
            return found[::-1] if upwards else found


@pytest.fixture
async def written(write: Write, clock: FakeClock) -> list[int]:
    """Some post much, some little, over more than a year."""
    choices, found = random.Random(1), list[int]()
    for _ in range(60):
        author = choices.choices([ALICE, BOB, CAROL, DAN], [30, 5, 1, 3])[0]
        post = await write(author_id=author, mentions=())
        found += [] if author == DAN else [post.post_id]
        clock.advance(choices.choice([1, 1, 1, 60, 30 * 86_400]))
    return found[::-1]


@pytest.mark.parametrize("size", [1, 7, 60])
async def test_pages_of_several_authors_are_one_list_without_gap_in_either_direction(
    posts_of_authors: PostsOfAuthors, written: list[int], size: int
) -> None:
    for upwards in (False, True):
        assert await _walk(posts_of_authors, [ALICE, BOB, CAROL, 999], size, upwards=upwards) == written


async def test_of_all_authors_no_more_than_asked_for_is_read(posts: PostRepository, written: list[int]) -> None:
    authors = [ALICE, BOB, CAROL]
    for limit in (1, 5, 100):
        rows = await posts.authored_by_any(authors, 0, MAX_ID, limit)
        assert [row.post_id for row in rows] == written[:limit]
    between = await posts.authored_by_any(authors, written[9], written[2], 3, newest=False)
    assert [row.post_id for row in between] == written[8:5:-1]


async def test_each_reader_has_what_was_meant_for_them(posts_of_authors: PostsOfAuthors, write: Write) -> None:
    public, unlisted, private = [
        await write(visibility=kind, mentions=())
        for kind in (Visibility.PUBLIC, Visibility.UNLISTED, Visibility.PRIVATE)
    ]
    direct, held = await write(visibility=Visibility.DIRECT), await write(state=PostState.HELD)
    await write(state=PostState.REMOVED)

    async def seen_by(reader_id: int) -> list[int]:
        page = await posts_of_authors.page(AuthorsQuery([ALICE], reader_id, 80))
        return [post.post_id for post in page.posts]

    of_followers = [private.post_id, unlisted.post_id, public.post_id]
    assert await seen_by(0) == await seen_by(CAROL) == of_followers
    assert await seen_by(direct.mentions[0].account_id) == [direct.post_id, *of_followers]
    assert await seen_by(ALICE) == [held.post_id, direct.post_id, *of_followers]


async def test_of_each_author_the_newest_are_found_that_any_follower_is_shown(
    posts_of_authors: PostsOfAuthors, write: Write, written: list[int]
) -> None:
    await write(author_id=BOB, visibility=Visibility.DIRECT)
    found = await posts_of_authors.recent([ALICE, BOB, CAROL, 999], 3)
    by_author: dict[int, list[int]] = {}
    for post in found:
        by_author.setdefault(post.author_id, []).append(post.post_id)
    everything = (await posts_of_authors.page(AuthorsQuery([ALICE, BOB, CAROL], 0, 500))).posts
    expected = {author: [post.post_id for post in everything if post.author_id == author][:3] for author in by_author}
    expected[BOB] = expected[BOB][:2]  # The third is a direct one.
    assert by_author == expected
    assert len(by_author[ALICE]) == 3


@pytest.mark.parametrize(("authors", "size"), [([], 1), ([0], 1), ([ALICE, ALICE], 1), ([ALICE], 0), ([ALICE], 41)])
async def test_what_is_wrong_with_a_request_for_recent_posts_is_refused(
    posts_of_authors: PostsOfAuthors, authors: list[int], size: int
) -> None:
    with pytest.raises(InvalidField):
        await posts_of_authors.recent(authors, size)


async def test_where_nearly_all_is_hidden_a_page_is_short_and_says_how_far_it_looked(
    posts_of_authors: PostsOfAuthors, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SCANNED_ROWS", 4)
    shown = await write(mentions=())
    for _ in range(11):
        await write(visibility=Visibility.DIRECT, mentions=())
    first = await posts_of_authors.page(AuthorsQuery([ALICE], 0, 2))
    assert (list(first.posts), first.reached_id > shown.post_id) == ([], True)
    assert await _walk(posts_of_authors, [ALICE], 2, upwards=False) == [shown.post_id]


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("author_ids", {"author_ids": []}),
        ("author_ids", {"author_ids": [0]}),
        ("author_ids", {"author_ids": [ALICE, ALICE]}),
        ("author_ids", {"author_ids": range(1, 502)}),
        ("reader_id", {"reader_id": -1}),
        ("page_size", {"page_size": 0}),
        ("page_size", {"page_size": 501}),
        ("max_id", {"max_id": -1}),
        ("min_id", {"min_id": -1}),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    posts_of_authors: PostsOfAuthors, field: str, asked: dict[str, Any]
) -> None:
    sound: dict[str, Any] = {"author_ids": [ALICE], "reader_id": 0, "page_size": 20}
    with pytest.raises(InvalidField, match=field):
        await posts_of_authors.page(AuthorsQuery(**sound | asked))
