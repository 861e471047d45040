"""Readers who stay away and come back. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from feed_service.models import Change, Entry, HomePage, PageQuery, PostChange, ReaderState
from feed_service.placement import DAY_MS
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import WINDOW_ENTRIES
from feed_service.service.activity import Activity
from feed_service.service.fan_out import FanOut
from feed_service.service.home import HomeReader
from feed_service.service.lists import ListReader
from feed_service.service.returns import Returns
from rookery_common.errors import Unavailable
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103
A_DAY = 86_400
Post = Callable[[], Awaitable[Entry]]


@pytest.fixture
def active_days() -> int:
    return 2


@pytest.fixture
def today(clock: FakeClock) -> Callable[[], int]:
    return lambda: clock.unix_ms() // DAY_MS


@pytest.fixture
def post(fan_out: FanOut, posts: Any, entries: Any) -> Post:
    """Alice posts: it is stored with her, then delivered."""

    async def make() -> Entry:
        entry: Entry = entries.make()
        posts.by_author.setdefault(ALICE, []).append(entry)
        await fan_out.apply([PostChange(Change.VISIBLE, entry.entry_id, ALICE)])
        return entry

    return make


@pytest.fixture
async def away(home: HomeReader, people: Any, post: Post, clock: FakeClock) -> list[Entry]:
    """What Alice has posted a day each, newest first: two while Bob was there, two while he was still delivered to, and
    three while he was not. Carol reads every day."""
    await people.follows(BOB, ALICE)
    await people.follows(CAROL, ALICE)
    made: list[Entry] = []
    for day in range(7):
        readers = [BOB, CAROL] if day < 2 else [CAROL]
        await home.pages([(reader_id, PageQuery(20)) for reader_id in readers])
        made.append(await post())
        clock.advance(A_DAY)
    return made[::-1]


async def _page(home: HomeReader, page: PageQuery, reader_id: int = BOB) -> HomePage:
    (answer,) = await home.pages([(reader_id, page)])
    assert isinstance(answer, HomePage)
    return answer


async def test_who_is_away_is_delivered_nothing_and_has_everything_on_the_return(
    home: HomeReader, timelines: TimelineRepository, post: Post, windows: Any, away: list[Entry]
) -> None:
    assert await timelines.older(BOB, MAX_ID, 0, 100) == away[3:]
    assert await timelines.older(CAROL, MAX_ID, 0, 100) == away
    for _ in range(2):
        assert await _page(home, PageQuery(20)) == HomePage(away, False)
    assert await timelines.older(BOB, MAX_ID, 0, 100) == away, "the window of before has not stayed"
    new = await post()
    assert await _page(home, PageQuery(20)) == HomePage([new, *away], False)
    await windows.forget_everything()
    assert await _page(home, PageQuery(20)) == HomePage([new, *away], False)


async def test_a_list_is_whole_on_the_return(lists: ListReader, away: list[Entry]) -> None:
    assert (await lists.page(BOB, frozenset({ALICE}), PageQuery(20))).entries == away


@pytest.mark.parametrize("step", ["_timelines.add", "_windows.forget", "_readers.welcome"])
async def test_a_return_that_ends_half_way_is_begun_again(
    home: HomeReader, returns: Returns, away: list[Entry], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("away")

    part, name = step.split(".")
    with monkeypatch.context() as patched:
        patched.setattr(getattr(returns, part), name, fail)
        answers = await home.pages([(BOB, PageQuery(20)), (CAROL, PageQuery(20))])
        assert [type(answer) for answer in answers] == [Unavailable, HomePage]
    assert await _page(home, PageQuery(20)) == HomePage(away, False)


async def test_what_was_passed_over_just_before_the_return_and_ends_after_it_is_there(
    home: HomeReader, fan_out: FanOut, activity: Activity, posts: Any, entries: Any, away: list[Entry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ask = activity.asleep

    async def asleep(reader_ids: Any) -> set[int]:
        sleepers = await ask(reader_ids)
        assert BOB in sleepers
        assert await _page(home, PageQuery(20)) == HomePage([entry, *away], False)
        return sleepers

    monkeypatch.setattr(activity, "asleep", asleep)
    entry = entries.make()
    posts.by_author[ALICE].append(entry)
    await fan_out.apply([PostChange(Change.VISIBLE, entry.entry_id, ALICE)])
    assert await _page(home, PageQuery(20)) == HomePage([entry, *away], False)


async def test_where_more_was_missed_than_a_window_has_paging_goes_on_without_a_gap(
    home: HomeReader, readers: ReaderRepository, posts: Any, entries: Any, clock: FakeClock, away: list[Entry]
) -> None:
    missed = entries.many(WINDOW_ENTRIES + 30)
    posts.by_author[ALICE] += missed
    clock.advance(3 * A_DAY)
    expected, found = [*missed[::-1], *away], list[Entry]()
    page = await _page(home, PageQuery(80))
    while True:
        found += page.entries
        if not page.more:
            break
        page = await _page(home, PageQuery(80, max_id=found[-1].entry_id))
    assert found == expected
    state = await readers.get(BOB)
    assert state is not None
    assert state.complete_from == expected[WINDOW_ENTRIES - 1].entry_id
    upwards = await _page(home, PageQuery(3, min_id=away[4].entry_id))
    assert upwards == HomePage(away[1:4], True)


async def test_of_whom_nothing_is_known_everything_is_delivered_and_it_is_learned_from_cql(
    timelines: TimelineRepository, seen: SeenRepository, windows: Any, post: Post, clock: FakeClock, today: Any,
    away: list[Entry],
) -> None:  # fmt: skip
    for reader_id in (ALICE, BOB, CAROL):
        await seen.forget(reader_id)
    first, second = await post(), await post()
    assert await timelines.older(BOB, MAX_ID, 0, 100) == [first, *away[3:]]
    assert await seen.days([BOB, CAROL, ALICE]) == {BOB: today() - 6}, "of Carol it is remembered that she is here"
    assert (await timelines.older(CAROL, MAX_ID, 0, 100))[:2] == [second, first]


async def test_of_whom_it_is_remembered_nothing_is_asked_until_they_may_be_asleep(
    activity: Activity, seen: SeenRepository, clock: FakeClock, today: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, days = list[list[int]](), seen.days

    async def counted(reader_ids: Any) -> dict[int, int]:
        asked.append(sorted(reader_ids))
        return await days(reader_ids)

    monkeypatch.setattr(seen, "days", counted)
    await seen.note(BOB, today())
    await seen.note(CAROL, today() - 9)
    assert [await activity.asleep([BOB, CAROL]) for _ in range(2)] == [{CAROL}, {CAROL}]
    assert await activity.asleep([BOB]) == set()
    assert asked == [[BOB, CAROL], [CAROL]]
    clock.advance(9 * A_DAY)
    assert await activity.asleep([BOB]) == {BOB}
    monkeypatch.setattr("feed_service.service.activity.MOST_SEEN", 1)
    for reader_id in (ALICE, BOB, CAROL):
        await seen.note(reader_id, today())
    assert await activity.asleep([ALICE, BOB, CAROL]) == set(), "more than are remembered"


async def test_who_was_never_seen_is_delivered_to_from_then_on_for_as_long_as_anybody(
    timelines: TimelineRepository, readers: ReaderRepository, people: Any, post: Post, clock: FakeClock, today: Any
) -> None:
    await people.follows(BOB, ALICE)
    first = await post()
    assert await readers.get(BOB) == ReaderState(today())
    clock.advance(2 * A_DAY)
    second = await post()
    clock.advance(A_DAY)
    await post()
    assert await timelines.older(BOB, MAX_ID, 0, 100) == [second, first]


async def test_a_day_that_redis_has_brought_back_from_before_costs_no_entry(
    home: HomeReader, seen: SeenRepository, post: Post, clock: FakeClock, today: Any, away: list[Entry]
) -> None:
    assert await _page(home, PageQuery(20)) == HomePage(away, False)
    await seen.note(BOB, today() - 6)
    passed = await post()
    clock.advance(A_DAY)
    assert await _page(home, PageQuery(20)) == HomePage([passed, *away], False)


async def test_who_listens_is_here_and_has_what_was_missed_when_reading(
    home: HomeReader, timelines: TimelineRepository, returns: Returns, post: Post, away: list[Entry]
) -> None:
    await returns.see([BOB, CAROL])
    new = await post()
    assert await timelines.older(BOB, MAX_ID, 0, 100) == [new, *away[3:]]
    assert await _page(home, PageQuery(20)) == HomePage([new, *away], False)


async def test_homes_are_read_while_it_cannot_be_noted_who_is_here(
    home: HomeReader, seen: SeenRepository, today: Any, away: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> list[int]:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(seen, "note", fail)
        assert await _page(home, PageQuery(20), CAROL) == HomePage(away, False)
        (answer,) = await home.pages([(BOB, PageQuery(20))])
        assert isinstance(answer, Unavailable), "something is missing of his"
    await home.pages([(CAROL, PageQuery(20))])
    assert (await seen.days([CAROL])) == {CAROL: today()}


async def test_with_no_number_of_days_everybody_is_delivered_to_and_who_was_not_is_still_built_anew(
    home: HomeReader, readers: ReaderRepository, seen: SeenRepository, clock: FakeClock, away: list[Entry]
) -> None:
    everybody = Activity(readers, seen, clock, 0)
    assert await everybody.asleep([BOB, CAROL]) == set()
    assert await _page(home, PageQuery(20)) == HomePage(away, False)
