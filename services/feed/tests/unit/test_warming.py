"""A move of the cache. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

import pytest

from feed_service.models import Change, Entry, HomePage, PageQuery, PostChange, ReaderState
from feed_service.repository.follows import FollowRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WINDOW_ENTRIES, Missing, WindowPage, WindowQuery, WindowRepository
from feed_service.service import warming as module
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.home import HomeReader
from feed_service.service.merged import MergedHomes
from feed_service.service.older import OlderEntries
from feed_service.service.returns import Returns
from feed_service.service.warming import Warming
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103
PAGE = PageQuery(20)


@pytest.fixture
def window_caches(windows: WindowRepository, next_windows: WindowRepository) -> WindowCaches:
    return WindowCaches(windows, next_windows)


@pytest.fixture
def next_home(
    next_windows: WindowRepository,
    timelines: TimelineRepository,
    follows: FollowRepository,
    merged: MergedHomes,
    older: OlderEntries,
    returns: Returns,
) -> HomeReader:
    return HomeReader(next_windows, timelines, follows, merged, older, returns)


def _post(entry: Entry) -> PostChange:
    return PostChange(Change.VISIBLE, entry.entry_id, entry.author_id)


async def _window(windows: WindowRepository, reader_id: int) -> WindowPage | Missing:
    (found,) = await windows.read([WindowQuery(reader_id, PAGE, PAGE.limit)])
    return found


async def test_who_has_a_window_has_one_in_the_next_cache_that_misses_nothing(
    home: HomeReader, next_home: HomeReader, fan_out: FanOut, keeper: FollowKeeper, windows: Any, next_windows: Any,
    people: Any, entries: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "READERS_AT_ONCE", 2)
    readers = range(1_000, 1_005)
    for reader_id in (*readers, CAROL):
        await people.follows(reader_id, ALICE)
    before, after = entries.many(3), entries.make()
    await fan_out.apply([_post(entry) for entry in before])
    for reader_id in readers:
        await home.warm(reader_id)
    told: list[int] = []
    warming = Warming(windows, next_home, clock, told.append)
    assert await warming.run() == len(readers)
    assert told == [2, 4, 5]
    assert await warming.run() == len(readers), "it may be done again"
    await fan_out.apply([_post(after)])
    for reader_id in readers:
        assert await _window(next_windows, reader_id) == await _window(windows, reader_id)
    assert await _window(next_windows, CAROL) is Missing.FOLLOWING, "who does not come is not filled for"
    expected = HomePage([after, *before[::-1]], False)
    assert await next_home.pages([(1_000, PAGE)]) == await home.pages([(1_000, PAGE)]) == [expected]
    await keeper.apply([people.follow(1_000, ALICE, active=False)], [])
    assert await next_home.pages([(1_000, PAGE)]) == await home.pages([(1_000, PAGE)]) == [HomePage([], False)]


async def test_a_warmed_window_has_a_floor_where_there_is_more(
    home: HomeReader, next_home: HomeReader, timelines: TimelineRepository, windows: Any, people: Any, entries: Any,
    clock: FakeClock,
) -> None:  # fmt: skip
    await people.follows(BOB, ALICE)
    made = entries.many(WINDOW_ENTRIES + 30)
    await timelines.add([(BOB, entry) for entry in made])
    await home.pages([(BOB, PAGE)])
    await Warming(windows, next_home, clock, lambda count: None).run()
    (page,) = await next_home.pages([(BOB, PageQuery(80, max_id=made[40].entry_id))])
    assert page == HomePage(made[39::-1], False)


async def test_who_is_built_anew_on_the_return_is_not_warmed(
    next_home: HomeReader, readers: ReaderRepository, next_windows: Any, clock: FakeClock
) -> None:
    today = clock.unix_ms() // 86_400_000
    await readers.welcome(BOB, ReaderState(today - 400))
    await readers.welcome(CAROL, ReaderState(today - 1))
    for reader_id in (BOB, CAROL):
        await next_home.warm(reader_id)
    assert [isinstance(await _window(next_windows, each), WindowPage) for each in (BOB, CAROL)] == [False, True]
