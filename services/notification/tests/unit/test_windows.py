"""Windows of lists. Runs over the fakes, and as a link in tests/engine over Redis."""

from __future__ import annotations

from typing import Any

from notification_service.models import Kind, Notification, PageQuery, Slot
from notification_service.placement import notification_of
from notification_service.repository.windows import WINDOW_SLACK, WINDOW_SLOTS, WindowPage, WindowRepository

ALICE, BOB, CAROL = 101, 102, 103


def _slots(told: list[Notification]) -> list[Slot]:
    return [Slot(each.notification_id, each) for each in told]


def _gone(told: Notification) -> Slot:
    return Slot(told.notification_id, None)


async def _put(windows: WindowRepository, *slots: Slot) -> int:
    return await windows.put([(ALICE, slot) for slot in slots])


async def _fill(windows: WindowRepository, slots: list[Slot], floor: int = 0, cleared: int = 0) -> None:
    token = await windows.begin_fill(ALICE)
    assert token
    assert await windows.finish_fill(ALICE, token, slots, floor=floor, cleared=cleared)


async def _read(windows: WindowRepository, wanted: int = 1000, **asked: Any) -> WindowPage | None:
    return await windows.read(ALICE, PageQuery(20, **asked), wanted)


async def test_a_filled_window_is_read_newest_first_and_within_bounds(windows: WindowRepository, acts: Any) -> None:
    assert await _read(windows) is None
    told = acts.told(10)
    await _fill(windows, _slots(told))
    assert await _read(windows) == WindowPage(0, told[::-1])
    assert await _read(windows, 3) == WindowPage(0, told[:-4:-1])
    ids = [each.notification_id for each in told]
    assert await _read(windows, max_id=ids[5], since_id=ids[1]) == WindowPage(0, told[4:1:-1])
    assert await _read(windows, 3, min_id=ids[1]) == WindowPage(0, told[2:5])


async def test_kinds_and_accounts_are_chosen_from_among_many_others(windows: WindowRepository, acts: Any) -> None:
    mention = notification_of(acts.make(Kind.MENTION))
    others = acts.told(300)
    follow = notification_of(acts.make(Kind.FOLLOW, CAROL))
    await _fill(windows, _slots([mention, *others, follow]))
    assert await _read(windows, kinds={Kind.MENTION, Kind.FOLLOW}) == WindowPage(0, [follow, mention])
    assert await _read(windows, account_id=CAROL) == WindowPage(0, [follow])
    assert await _read(windows, kinds={Kind.FOLLOW}, account_id=BOB) == WindowPage(0, [])


async def test_only_windows_that_exist_are_put_into(windows: WindowRepository, acts: Any) -> None:
    await _fill(windows, [])
    (told,) = acts.told()
    slot = Slot(told.notification_id, told)
    assert await windows.put([(ALICE, slot), (ALICE, slot), (555, slot)]) == 1
    assert await _read(windows) == WindowPage(0, [told])
    assert await windows.begin_fill(555)


async def test_what_was_put_away_stays_so_whatever_is_put_there_again(windows: WindowRepository, acts: Any) -> None:
    first, second, third = acts.told(3)
    await _fill(windows, _slots([first]))
    assert await _put(windows, _gone(first), _gone(second), *_slots([third])) == 3
    assert await _put(windows, *_slots([first, second]), _gone(first)) == 0
    assert await _read(windows) == WindowPage(0, [third])


async def test_what_comes_while_a_window_is_filled_is_united_with_what_was_read(
    windows: WindowRepository, acts: Any
) -> None:
    stale, dismissed, kept, meanwhile = acts.told(4)
    token = await windows.begin_fill(ALICE)
    assert await windows.begin_fill(ALICE) == token
    await _put(windows, _gone(dismissed), *_slots([stale, meanwhile]))
    assert await _read(windows) is None
    read = [_gone(stale), *_slots([dismissed, kept])]
    assert await windows.finish_fill(ALICE, token, read, floor=0, cleared=0)
    assert await _read(windows) == WindowPage(0, [meanwhile, kept])
    assert await windows.begin_fill(ALICE) == ""


async def test_a_token_that_ran_out_or_a_list_that_was_cleared_fills_nothing(
    windows: WindowRepository, acts: Any
) -> None:
    slots = _slots(acts.told(2))
    token = await windows.begin_fill(ALICE)
    assert not await windows.finish_fill(ALICE, "stale", slots, floor=0, cleared=0)
    await windows.forget(ALICE)
    assert not await windows.finish_fill(ALICE, token, slots, floor=0, cleared=0)
    assert await _read(windows) is None


async def test_below_what_was_cleared_nothing_is_kept_and_nothing_is_missing(
    windows: WindowRepository, acts: Any
) -> None:
    old, cleared, late, new = acts.told(4)
    await _fill(windows, _slots([old, cleared, new]), cleared=cleared.notification_id)
    assert await _put(windows, *_slots([old, cleared])) == 0
    assert await _put(windows, *_slots([late])) == 1
    assert await _read(windows) == WindowPage(0, [new, late])


async def test_below_the_floor_nothing_is_kept_or_shown(windows: WindowRepository, acts: Any) -> None:
    late, *told = acts.told(6)
    floor = told[0].notification_id
    token = await windows.begin_fill(ALICE)
    await _put(windows, *_slots([late]))
    await windows.finish_fill(ALICE, token, _slots(told), floor=floor, cleared=0)
    assert await _put(windows, *_slots([late])) == 0
    assert await _read(windows) == WindowPage(floor, told[::-1])
    assert await _read(windows, min_id=late.notification_id) == WindowPage(floor, told)


async def test_a_window_keeps_the_newest_and_says_how_far_down_it_reaches(windows: WindowRepository, acts: Any) -> None:
    await _fill(windows, [])
    told = acts.told(WINDOW_SLOTS + WINDOW_SLACK + 1)
    await _put(windows, *_slots(told[:-1]))
    full = await _read(windows)
    assert full is not None
    assert (full.floor, len(full.notifications)) == (0, WINDOW_SLOTS + WINDOW_SLACK)
    await _put(windows, *_slots(told[-1:]))
    kept = told[-WINDOW_SLOTS:]
    assert await _read(windows) == WindowPage(kept[0].notification_id, kept[::-1])
    assert await _put(windows, *_slots(told[:1])) == 0


async def test_a_fill_with_more_than_a_window_keeps_the_newest(windows: WindowRepository, acts: Any) -> None:
    told = acts.told(WINDOW_SLOTS + 5)
    token = await windows.begin_fill(ALICE)
    await _put(windows, *_slots(told[-5:]))
    floor = told[0].notification_id
    await windows.finish_fill(ALICE, token, _slots(told[:WINDOW_SLOTS]), floor=floor, cleared=0)
    kept = told[-WINDOW_SLOTS:]
    assert await _read(windows) == WindowPage(kept[0].notification_id, kept[::-1])
