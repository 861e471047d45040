"""What is counted, however often and by whomever events are read."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from analytics_service.models import Measure, Observation, Tally, Width, Window
from analytics_service.repository import windows as windows_module
from analytics_service.repository.windows import CountedEvents, WindowRepository
from analytics_service.service import counting as counting_module
from analytics_service.service.counting import Counting
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_at

Observe = Callable[..., Observation]
Total = Callable[..., Awaitable[int]]
MAX_LINES = 400


async def test_events_are_counted_in_their_minute_and_in_their_day(
    counting: Counting, observe: Observe, total: Total, clock: FakeClock
) -> None:
    await counting.add([observe(0), observe(1), observe(2, later=timedelta(minutes=1))])
    assert (await total(), await total(width=Width.DAY)) == (2, 3)
    clock.advance(60)
    assert (await total(), await total(width=Width.DAY)) == (1, 3)


async def test_events_that_are_read_again_change_nothing(counting: Counting, observe: Observe, total: Total) -> None:
    events = [observe(offset, Measure.NEW_POSTS, Measure.ACTIVE_USERS, account_id=offset % 3) for offset in range(10)]
    await counting.add(events)
    await counting.add(events)
    for event in events:
        await counting.add([event])
    await counting.add([*events[5:], observe(10)])
    assert (await total(), await total(Measure.ACTIVE_USERS)) == (11, 3)


async def test_an_event_that_is_published_twice_counts_once_also_when_it_is_read_again(
    counting: Counting, observe: Observe, total: Total
) -> None:
    events = [observe(0, event="a"), observe(1, event="b"), observe(2, event="a"), observe(3, event="c")]
    await counting.add(events)
    await counting.add([observe(4, event="c")])
    await counting.add([*events, observe(4, event="c")])
    assert await total() == 3


async def test_whoever_was_active_in_two_topics_and_minutes_is_one_account(
    counting: Counting, observe: Observe, windows: WindowRepository, clock: FakeClock
) -> None:
    active = Measure.ACTIVE_USERS
    await counting.add(
        [
            observe(0, active, account_id=7),
            observe(0, active, account_id=7, source="user.events.v1/1"),
            observe(1, active, account_id=8, later=timedelta(minutes=1)),
            observe(2, active, account_id=7, later=timedelta(minutes=1)),
        ]
    )
    day = int(clock.now().timestamp()) // Width.DAY
    assert sorted(row.value for row in await windows.list(active, Width.DAY, day, day)) == [1, 2]


async def test_a_member_that_was_slow_takes_no_count_back(
    windows: WindowRepository, clock: FakeClock, total: Total
) -> None:
    slot = (Window(Measure.NEW_POSTS, Width.MINUTE, int(clock.now().timestamp()) // 60), "post.events.v1/0")
    await windows.put({slot: Tally(5, 4)})
    await windows.put({slot: Tally(2, 1)})
    assert await total() == 5
    assert (await windows.tallies([slot]))[slot] == Tally(5, 4)


async def test_what_is_too_old_to_be_kept_is_left_out(
    counting: Counting, observe: Observe, windows: WindowRepository, clock: FakeClock
) -> None:
    await counting.add([observe(0, later=-timedelta(days=15)), observe(1, later=-timedelta(days=500))])
    minute = int((clock.now() - timedelta(days=15)).timestamp()) // 60
    day = int((clock.now() - timedelta(days=15)).timestamp()) // Width.DAY
    assert await windows.list(Measure.NEW_POSTS, Width.MINUTE, minute, minute) == []
    assert len(await windows.list(Measure.NEW_POSTS, Width.DAY, day, day)) == 1


async def test_counts_do_not_depend_on_batches_restarts_and_members(
    windows: WindowRepository, counted: CountedEvents, observe: Observe, total: Total, clock: FakeClock
) -> None:
    """Two members read pieces of a log, jump back as after a crash, and overlap."""
    dice = random.Random(4)
    log = [observe(n, event=str(n - 3 if n % 10 == 9 else n), account_id=n % 7) for n in range(60)]
    members = [Counting(windows, counted, clock) for _ in range(2)]
    position = 0
    while position < len(log):
        end = min(len(log), position + dice.randint(1, 12))
        await dice.choice(members).add(log[position:end])
        position = max(0, end - dice.choice((0, 0, 0, 5, 20)))
    assert await total() == 54


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # some die before they have begun
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_crash_at_any_line_loses_no_event_and_counts_none_twice(
    windows: WindowRepository, counted: CountedEvents, observe: Observe, total: Total, clock: FakeClock
) -> None:
    counts = 0
    for line in range(1, MAX_LINES):
        events = [observe(3 * line, account_id=line), observe(3 * line + 1), observe(3 * line + 2, event=f"{3 * line}")]
        async with crash_at(line, counting_module, windows_module) as point:
            await Counting(windows, counted, clock).add(events)
        await Counting(windows, counted, clock).add(events)
        counts += 3
        assert await total() == counts, f"line {line}"
        if not point.happened:
            break
    assert not point.happened
