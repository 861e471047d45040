"""Reading homes. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

import pytest

from feed_service.errors import WrongLimit
from feed_service.models import Entry, HomePage, PageQuery, Reason
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import WINDOW_ENTRIES
from feed_service.service.home import HomeReader

ALICE, BOB, CAROL = 101, 102, 103


async def _page(home: HomeReader, page: PageQuery, reader_id: int = BOB) -> HomePage:
    (answer,) = await home.pages([(reader_id, page)])
    assert isinstance(answer, HomePage)
    return answer


async def _walk_down(home: HomeReader, limit: int, max_id: int = 0) -> list[Entry]:
    """All pages, as a client that scrolls reads them."""
    found: list[Entry] = []
    while True:
        page = await _page(home, PageQuery(limit, max_id=max_id))
        found += page.entries
        if not page.more:
            return found
        assert len(page.entries) == limit
        max_id = page.entries[-1].entry_id


@pytest.fixture
async def stored(timelines: TimelineRepository, people: Any, entries: Any) -> list[Entry]:
    """More of Alice's posts in Bob's timeline than his window holds."""
    await people.follows(BOB, ALICE)
    made: list[Entry] = entries.many(WINDOW_ENTRIES + 60)
    await timelines.add([(BOB, entry) for entry in made])
    return made


async def test_a_new_reader_has_an_empty_home(home: HomeReader) -> None:
    for _ in range(2):
        assert await _page(home, PageQuery(20)) == HomePage([], False)


async def test_a_home_is_read_page_by_page_over_the_end_of_the_window(home: HomeReader, stored: list[Entry]) -> None:
    assert await _walk_down(home, 50) == stored[::-1]
    assert await _walk_down(home, 80, stored[30].entry_id) == stored[29::-1]


async def test_a_home_is_complete_after_redis_is_flushed(home: HomeReader, stored: list[Entry], windows: Any) -> None:
    first = await _page(home, PageQuery(40))
    await windows.forget_everything()
    assert await _page(home, PageQuery(40)) == first
    await windows.forget_everything()
    assert await _walk_down(home, 80) == stored[::-1]


@pytest.mark.parametrize("start", [0, 20, 59, 60, 61, 300])
async def test_a_home_is_read_upwards_over_the_start_of_the_window(
    home: HomeReader, stored: list[Entry], start: int
) -> None:
    page = await _page(home, PageQuery(30, min_id=stored[start].entry_id))
    assert page == HomePage(stored[start + 1 : start + 31][::-1], True)


async def test_the_newest_entries_are_read_upwards_to_the_end(home: HomeReader, stored: list[Entry]) -> None:
    page = await _page(home, PageQuery(30, min_id=stored[-4].entry_id))
    assert page == HomePage(stored[:-4:-1], False)
    assert await _page(home, PageQuery(30, min_id=stored[-1].entry_id)) == HomePage([], False)


async def test_since_an_entry_only_what_is_newer_is_read(home: HomeReader, stored: list[Entry]) -> None:
    assert await _page(home, PageQuery(30, since_id=stored[-4].entry_id)) == HomePage(stored[:-4:-1], False)
    page = await _page(home, PageQuery(2, since_id=stored[3].entry_id, max_id=stored[9].entry_id))
    assert page == HomePage([stored[8], stored[7]], True)


async def test_whom_the_reader_does_not_follow_any_more_is_left_out_and_paging_goes_on(
    home: HomeReader, timelines: TimelineRepository, people: Any, entries: Any, windows: Any
) -> None:
    await people.follows(BOB, ALICE, CAROL)
    kept: list[Entry] = []
    for _ in range(6):
        kept.append(entries.make(CAROL))
        await timelines.add([(BOB, entry) for entry in [kept[-1], *entries.many(90, ALICE)]])
    await people.follows(BOB, CAROL)
    await home.pages([(BOB, PageQuery(20))])
    await people.follows(BOB, CAROL)
    ended = people.follow(BOB, ALICE, active=False)
    await people._follows.put(ended)
    await windows.forget_following(BOB)
    assert await _walk_down(home, 4) == kept[::-1]
    upwards = await _page(home, PageQuery(2, min_id=kept[0].entry_id))
    assert upwards == HomePage([kept[2], kept[1]], True)


async def test_own_posts_and_wanted_reblogs_are_shown(
    home: HomeReader, timelines: TimelineRepository, people: Any, entries: Any
) -> None:
    await people.follows(BOB, ALICE)
    await people.follows(BOB, CAROL, reblogs=False)
    own, reblog = entries.make(BOB, Reason.OWN_POST), entries.make(ALICE, Reason.REBLOG)
    unwanted, post = entries.make(CAROL, Reason.REBLOG), entries.make(CAROL)
    await timelines.add([(BOB, entry) for entry in (own, reblog, unwanted, post)])
    for _ in range(2):
        assert await _page(home, PageQuery(20)) == HomePage([post, reblog, own], False)


async def test_homes_of_many_readers_are_read_at_once_each_with_its_own_outcome(
    home: HomeReader, timelines: TimelineRepository, people: Any, entries: Any
) -> None:
    made = {reader_id: entries.many(3) for reader_id in range(200, 210)}
    for reader_id, mine in made.items():
        await people.follows(reader_id, ALICE)
        await timelines.add([(reader_id, entry) for entry in mine])
    asked = [(reader_id, PageQuery(2)) for reader_id in made]
    for _ in range(2):
        answers = await home.pages([*asked, (BOB, PageQuery(0)), (BOB, PageQuery(81)), (BOB, PageQuery(80))])
        assert answers[:-3] == [HomePage([mine[2], mine[1]], True) for mine in made.values()]
        assert [type(answer) for answer in answers[-3:]] == [WrongLimit, WrongLimit, HomePage]
    assert await home.pages([]) == []
