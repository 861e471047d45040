"""Homes and lists beyond what is stored. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from feed_service.models import Change, Entry, Following, Found, HomePage, PageQuery, PostChange, Reason, Span
from feed_service.repository.stretches import StretchRepository
from feed_service.service import home as home_module
from feed_service.service import older as module
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import BACKFILL_POSTS, FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.lists import ListReader
from feed_service.service.older import OlderEntries
from rookery_common.errors import NotOffered, Unavailable
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
DAYS = 70
A_THIRD_OF_A_DAY = 28_800
Walk = Callable[[], Awaitable[list[Entry]]]


@pytest.fixture(autouse=True)
def little_in_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "OLDER_IN_WINDOW", 11)


@pytest.fixture
async def posted(fan_out: FanOut, people: Any, posts: Any, entries: Any, clock: FakeClock) -> list[Entry]:
    """What Alice, Carol and Bob himself have posted in more than two months, newest first, as Bob's home has it."""
    await people.follows(BOB, ALICE, CAROL)
    made: list[Entry] = []
    for number in range(DAYS * 3):
        author = (ALICE, CAROL, BOB)[number % 3]
        entry = entries.make(author, Reason.OWN_POST if author == BOB else Reason.FOLLOWED_AUTHOR)
        posts.by_author.setdefault(author, []).append(entry._replace(reason=Reason.FOLLOWED_AUTHOR))
        await fan_out.apply([PostChange(Change.VISIBLE, entry.entry_id, author)])
        made.append(entry)
        clock.advance(A_THIRD_OF_A_DAY)
    return made[::-1]


async def _page(home: HomeReader, page: PageQuery) -> HomePage:
    (answer,) = await home.pages([(BOB, page)])
    assert isinstance(answer, HomePage)
    return answer


async def _walk_down(home: HomeReader, limit: int) -> list[Entry]:
    found, page = list[Entry](), await _page(home, PageQuery(limit))
    while True:
        found += page.entries
        if not page.more:
            return found
        page = await _page(home, PageQuery(limit, max_id=page.entries[-1].entry_id))


async def _walk_up(home: HomeReader, limit: int) -> list[Entry]:
    found, page = list[Entry](), await _page(home, PageQuery(limit, min_id=1))
    while True:
        found = [*page.entries, *found]
        if not page.more:
            return found
        page = await _page(home, PageQuery(limit, min_id=page.entries[0].entry_id))


@pytest.mark.parametrize("limit", [7, 80])
async def test_a_home_goes_on_where_what_is_stored_ends_in_either_direction(
    home: HomeReader, windows: Any, posted: list[Entry], limit: int
) -> None:
    for _ in range(2):
        assert await _walk_down(home, limit) == posted
        assert await _walk_up(home, limit) == posted
        await windows.forget_everything()
    assert await _walk_up(home, limit) == posted


async def test_bounds_of_a_page_may_lie_on_either_side_of_where_what_is_stored_ends(
    home: HomeReader, older: OlderEntries, posted: list[Entry]
) -> None:
    first_older = next(number for number, entry in enumerate(posted) if entry.entry_id < older.begins())
    above, below = posted[first_older + 5].entry_id, posted[first_older - 5].entry_id
    between = posted[first_older - 4 : first_older + 5]
    assert await _page(home, PageQuery(9, max_id=below, since_id=above)) == HomePage(between, False)
    assert await _page(home, PageQuery(4, max_id=below, since_id=above)) == HomePage(between[:4], True)
    assert await _page(home, PageQuery(4, max_id=between[4].entry_id, since_id=above)) == HomePage(between[5:], False)
    assert await _page(home, PageQuery(9, min_id=above)) == HomePage(between, True)


async def test_a_list_goes_on_too(lists: ListReader, posted: list[Entry]) -> None:
    carols = [entry for entry in posted if entry.author_id == CAROL]
    members, found, max_id = frozenset({CAROL, BOB, DAN}), list[Entry](), 0
    while True:
        page = await lists.page(BOB, members, PageQuery(9, max_id=max_id))
        found += page.entries
        max_id = page.reached_id
        if not max_id:
            break
    assert found == carols
    upwards = await lists.page(BOB, members, PageQuery(2, min_id=carols[-1].entry_id))
    assert (upwards.entries, upwards.reached_id) == ([carols[-3], carols[-2]], carols[-3].entry_id)


async def test_paging_on_merges_once_and_anew_only_for_another_choice_of_authors(
    home: HomeReader, people: Any, posts: Any, windows: Any, posted: list[Entry]
) -> None:
    for _ in range(2):
        assert await _walk_down(home, 10) == posted
        assert len(posts.calls) == 2, "for the window, and for what is below it"
    await people.follows(BOB, DAN)
    await windows.forget_following(BOB)
    assert await _walk_down(home, 10) == posted
    assert posts.calls[2:] == [[ALICE, BOB, CAROL, DAN]]


async def test_a_quiet_home_is_answered_by_its_window_also_after_a_new_follow(
    home: HomeReader, keeper: FollowKeeper, people: Any, posts: Any, entries: Any, clock: FakeClock
) -> None:
    await people.follows(BOB, ALICE)
    made = entries.many(3)
    old = entries.many(BACKFILL_POSTS + 5, CAROL)
    posts.by_author |= {ALICE: made, CAROL: old}
    clock.advance(DAYS * 86_400)
    for _ in range(2):
        assert await _page(home, PageQuery(80)) == HomePage(made[::-1], False)
    assert len(posts.calls) == 1
    new = people.follow(BOB, CAROL)
    await keeper.apply([new], [new])
    for _ in range(2):
        assert (await _page(home, PageQuery(10))).entries == old[:-11:-1]
    assert await _walk_down(home, 10) == [*old[::-1], *made[::-1]], "also what the follow did not bring"


async def test_reblogs_that_are_not_wanted_stay_out_of_what_is_older(
    home: HomeReader, people: Any, posts: Any, entries: Any, clock: FakeClock
) -> None:
    await people.follows(BOB, ALICE)
    await people.follows(BOB, CAROL, reblogs=False)
    made = [entries.make(author, Reason.REBLOG) for author in (ALICE, CAROL)]
    posts.by_author |= {entry.author_id: [entry] for entry in made}
    clock.advance(DAYS * 86_400)
    for _ in range(2):
        assert await _page(home, PageQuery(20)) == HomePage([made[0]], False)


async def test_of_many_authors_who_are_asked_later_are_asked_only_for_what_is_nearer(
    older: OlderEntries, posts: Any, entries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AUTHORS_PER_CALL", 3)
    monkeypatch.setattr(module, "CALLS_OF_A_MERGE", 2)
    monkeypatch.setattr(module, "MERGED_ENTRIES", 5)
    spans: list[Span] = []
    ask = posts.posts_of

    async def posts_of(reader_id: int, author_ids: Any, span: Span, most: int) -> Found:
        spans.append(span)
        answer: Found = await ask(reader_id, author_ids, span, most)
        return answer

    posts.posts_of = posts_of
    made = [entries.make(1_000 + number * 7 % 20) for number in range(60)]
    for entry in made:
        posts.by_author.setdefault(entry.author_id, []).append(entry)
    followed = Following(frozenset(range(1_000, 1_020)))
    for reader_id, upwards, ordered in ((BOB, False, made[::-1]), (DAN, True, made)):
        spans.clear()
        span = Span(0, made[-1].entry_id + 1, upwards)
        assert await older.read(reader_id, followed, span, 5) == Found(ordered[:5], ordered[4].entry_id)
        widths = [each.below - each.above for each in spans]
        assert widths[0] == widths[1] > max(widths[2:])
        assert (await older.read(reader_id, followed, span, 100)).entries == ordered


async def test_what_is_kept_is_found_as_it_was(stretches: StretchRepository, older: OlderEntries, posts: Any) -> None:
    assert await stretches.find(BOB, "some") is None
    assert await older.read(BOB, Following(frozenset({ALICE})), Span(0, 50), 5) == Found([])
    assert await older.read(BOB, Following(frozenset({ALICE})), Span(0, 50), 5) == Found([])
    assert len(posts.calls) == 1, "also that there is nothing"


async def test_a_page_that_needs_post_while_it_is_away_says_that_there_is_more(
    home: HomeReader, posts: Any, posted: list[Entry]
) -> None:
    stored = await _page(home, PageQuery(80))
    posts.away = True
    page = await _page(home, PageQuery(80, max_id=stored.entries[-1].entry_id))
    assert page.more
    shown = [*stored.entries, *page.entries]
    assert 80 < len(shown) < 160
    assert shown == posted[: len(shown)]
    (answer,) = await home.pages([(BOB, PageQuery(80, max_id=page.entries[-1].entry_id))])
    assert isinstance(answer, Unavailable)
    (answer,) = await home.pages([(BOB, PageQuery(80, min_id=1))])
    assert isinstance(answer, Unavailable)
    assert await home.pages([(DAN, PageQuery(20))]) == [HomePage([], False)]


async def test_with_a_post_of_the_release_before_a_home_ends_where_what_is_stored_ends(
    home: HomeReader, posts: Any, posted: list[Entry], older: OlderEntries
) -> None:
    async def posts_of(*_: object) -> Found:
        raise NotOffered("no such call")

    posts.posts_of = posts_of
    assert await _walk_down(home, 80) == [entry for entry in posted if entry.entry_id >= older.begins()]
