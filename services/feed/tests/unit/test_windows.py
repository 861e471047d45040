"""Windows of homes. Runs over the fakes, and as a link in tests/engine over Redis."""

from __future__ import annotations

from typing import Any

from feed_service.follow_models import Follower
from feed_service.models import Entry, Following, MergedFollows, PageQuery, Reason
from feed_service.repository.windows import (
    WINDOW_ENTRIES,
    WINDOW_SLACK,
    Missing,
    WindowPage,
    WindowQuery,
    WindowRepository,
)

READER, ALICE, CAROL = 102, 101, 103


async def _fill(windows: WindowRepository, entries: list[Entry], floor: int = 0, reader_id: int = READER) -> None:
    token = await windows.begin_fill(reader_id)
    assert token
    assert await windows.finish_fill(reader_id, token, entries, floor)


async def _follow(windows: WindowRepository, following: Following, reader_id: int = READER) -> None:
    token = await windows.begin_following(reader_id)
    assert token
    assert await windows.finish_following(reader_id, token, following)


async def _read(windows: WindowRepository, page: PageQuery | None = None, wanted: int = 100) -> WindowPage | Missing:
    (found,) = await windows.read([WindowQuery(READER, page or PageQuery(20), wanted)])
    return found


async def test_a_window_that_is_not_there_says_what_is_missing(windows: WindowRepository) -> None:
    assert await _read(windows) is Missing.FOLLOWING
    await _follow(windows, Following())
    assert await _read(windows) is Missing.WINDOW


async def test_a_filled_window_is_read_newest_first_and_within_bounds(windows: WindowRepository, entries: Any) -> None:
    made = entries.many(10)
    await _follow(windows, Following(frozenset({ALICE})))
    await _fill(windows, made)
    assert await _read(windows) == WindowPage(0, made[::-1])
    assert await _read(windows, wanted=3) == WindowPage(0, made[:-4:-1])
    ids = [entry.entry_id for entry in made]
    assert await _read(windows, PageQuery(20, max_id=ids[5], since_id=ids[1])) == WindowPage(0, made[4:1:-1])
    assert await _read(windows, PageQuery(20, min_id=ids[1]), wanted=3) == WindowPage(0, made[2:5])


async def test_who_is_merged_is_known_as_long_as_whom_a_reader_follows(windows: WindowRepository) -> None:
    following = Following(frozenset({ALICE, CAROL}), frozenset({CAROL}))
    token = await windows.begin_following(READER)
    only_alice = MergedFollows(2, Following(frozenset({ALICE})))
    assert await windows.finish_following(READER, token, following, only_alice)
    await _fill(windows, [])
    assert await _read(windows) == WindowPage(0, [], only_alice)
    both = MergedFollows(5, following)
    assert await windows.find_merged(READER, 2, 5, [CAROL, ALICE, 999]) == both
    assert await windows.find_merged(READER, 2, 9, [999]) == both, "somebody was faster"
    assert await _read(windows) == WindowPage(0, [], both)
    await windows.forget_following(READER)
    assert await windows.find_merged(READER, 5, 6, [ALICE]) == MergedFollows()
    await _follow(windows, Following(frozenset({ALICE})))
    assert await _read(windows) == WindowPage(0, [])
    assert await windows.find_merged(READER, 0, 1, [ALICE, CAROL]) == MergedFollows(1, Following(frozenset({ALICE})))


async def test_it_is_told_who_of_many_follows_an_author(windows: WindowRepository) -> None:
    await _follow(windows, Following(frozenset({ALICE})), 1)
    await _follow(windows, Following(frozenset({ALICE}), frozenset({ALICE})), 2)
    await _follow(windows, Following(frozenset({CAROL})), 3)
    assert await windows.who_follows(ALICE, [1, 2, 3, 4]) == ([Follower(1, True), Follower(2, False)], [4])


async def test_an_empty_window_is_complete(windows: WindowRepository) -> None:
    await _follow(windows, Following())
    await _fill(windows, [])
    assert await _read(windows) == WindowPage(0, [])


async def test_entries_are_pushed_into_windows_that_exist_only(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    await _fill(windows, [])
    entry = entries.make()
    assert await windows.push([(READER, entry), (READER, entry), (555, entry)]) == 1
    assert await windows.push([(READER, entry)]) == 0
    assert await _read(windows) == WindowPage(0, [entry])
    assert await windows.begin_fill(555)


async def test_what_is_pushed_while_a_window_is_filled_is_united_with_what_was_read(
    windows: WindowRepository, entries: Any
) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    stored, meanwhile = entries.many(3), entries.make()
    token = await windows.begin_fill(READER)
    assert await windows.begin_fill(READER) == token
    assert await windows.push([(READER, meanwhile)]) == 1
    assert await _read(windows) is Missing.WINDOW
    assert await windows.finish_fill(READER, token, stored, 0)
    assert await _read(windows) == WindowPage(0, [meanwhile, *stored[::-1]])
    assert await windows.begin_fill(READER) == ""


async def test_a_token_that_ran_out_fills_nothing(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    assert not await windows.finish_fill(READER, "stale", [entries.make()], 0)
    token = await windows.begin_fill(READER)
    assert not await windows.finish_fill(READER, "stale", [entries.make()], 0)
    assert await windows.finish_fill(READER, token, [], 0)
    assert not await windows.finish_fill(READER, token, [entries.make()], 0)
    assert await _read(windows) == WindowPage(0, [])


async def test_below_the_floor_nothing_is_kept_or_shown(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    late, *made = entries.many(6)
    token = await windows.begin_fill(READER)
    await windows.push([(READER, late)])
    await windows.finish_fill(READER, token, made, made[0].entry_id)
    assert await windows.push([(READER, late)]) == 0
    assert await _read(windows) == WindowPage(made[0].entry_id, made[::-1])
    upwards = PageQuery(20, min_id=late.entry_id)
    assert await _read(windows, upwards) == WindowPage(made[0].entry_id, made)


async def test_a_window_keeps_its_newest_entries_and_says_how_far_down_it_reaches(
    windows: WindowRepository, entries: Any
) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    await _fill(windows, [])
    made = entries.many(WINDOW_ENTRIES + WINDOW_SLACK + 1)
    for entry in made[:-1]:
        await windows.push([(READER, entry)])
    full = await _read(windows, wanted=1000)
    assert isinstance(full, WindowPage)
    assert (full.floor, len(full.entries)) == (0, WINDOW_ENTRIES + WINDOW_SLACK)
    await windows.push([(READER, made[-1])])
    kept = made[-WINDOW_ENTRIES:]
    assert await _read(windows, wanted=1000) == WindowPage(kept[0].entry_id, kept[::-1])


async def test_a_fill_with_more_than_a_window_keeps_the_newest(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    made = entries.many(WINDOW_ENTRIES + 5)
    token = await windows.begin_fill(READER)
    await windows.push([(READER, entry) for entry in made[-5:]])
    await windows.finish_fill(READER, token, made[:WINDOW_ENTRIES], made[0].entry_id)
    kept = made[-WINDOW_ENTRIES:]
    assert await _read(windows, wanted=1000) == WindowPage(kept[0].entry_id, kept[::-1])


async def test_only_whom_the_reader_follows_and_the_reader_are_shown(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE, CAROL}), frozenset({CAROL})))
    stranger = entries.make(999)
    own = entries.make(READER, Reason.OWN_POST)
    reblog, unwanted = entries.make(ALICE, Reason.REBLOG), entries.make(CAROL, Reason.REBLOG)
    post = entries.make(CAROL)
    await _fill(windows, [stranger, own, reblog, unwanted, post])
    assert await _read(windows) == WindowPage(0, [post, reblog, own])


async def test_a_page_is_found_below_many_entries_that_are_not_shown(windows: WindowRepository, entries: Any) -> None:
    await _follow(windows, Following(frozenset({ALICE})))
    wanted, hidden = entries.many(3), entries.many(300, author_id=999)
    await _fill(windows, wanted + hidden)
    assert await _read(windows, wanted=2) == WindowPage(0, [wanted[2], wanted[1]])


async def test_a_following_that_changes_while_it_is_filled_is_not_kept(windows: WindowRepository) -> None:
    token = await windows.begin_following(READER)
    assert await windows.begin_following(READER) == token
    await windows.forget_following(READER)
    assert not await windows.finish_following(READER, token, Following(frozenset({ALICE})))
    assert await _read(windows) is Missing.FOLLOWING


async def test_a_following_that_is_complete_is_not_filled_again_until_it_is_forgotten(
    windows: WindowRepository,
) -> None:
    await _follow(windows, Following(frozenset(range(1, 3001))))
    assert await windows.begin_following(READER) == ""
    await windows.forget_following(READER)
    assert await windows.begin_following(READER)


async def test_pages_of_many_readers_are_answered_in_the_order_of_the_questions(
    windows: WindowRepository, entries: Any
) -> None:
    made = {reader_id: entries.many(2) for reader_id in range(1, 20)}
    for reader_id, mine in made.items():
        await _follow(windows, Following(frozenset({ALICE})), reader_id)
        await _fill(windows, mine, reader_id=reader_id)
    asked = [WindowQuery(reader_id, PageQuery(20), 21) for reader_id in [*made, 777, 1]]
    found = await windows.read(asked)
    assert found == [*(WindowPage(0, mine[::-1]) for mine in made.values()), Missing.FOLLOWING, found[0]]
    assert await windows.read([]) == []
