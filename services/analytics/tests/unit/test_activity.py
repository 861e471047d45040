"""The community's last weeks, as everybody is told of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from analytics_service.models import Measure, Observation
from analytics_service.repository.windows import WindowRepository
from analytics_service.service.activity import KEPT_SECONDS, Activity
from analytics_service.service.counting import Counting
from rookery_common.testing import FakeClock

Observe = Callable[..., Observation]
DAY = timedelta(days=1)


async def test_weeks_begin_on_monday_and_an_account_is_one_in_each(
    counting: Counting, windows: WindowRepository, observe: Observe, clock: FakeClock
) -> None:
    monday = -clock.now().weekday() * DAY
    active = [(monday, 7), (monday + DAY, 7), (monday - DAY, 7), (monday - DAY, 8), (monday - 77 * DAY, 9)]
    seen = [
        observe(n, Measure.ACTIVE_USERS, Measure.NEW_POSTS, account_id=account_id, later=later)
        for n, (later, account_id) in enumerate(active)
    ]
    await counting.add([*seen, observe(9, Measure.NEW_USERS, later=monday - 78 * DAY)])
    lately = await Activity(windows, clock).lately()
    weeks = lately.weeks
    starts = [datetime.fromtimestamp(week.start, UTC) for week in weeks]
    assert [start.strftime("%a %H:%M") for start in starts] == ["Mon 00:00"] * 12
    assert starts == sorted(starts, reverse=True)
    assert starts[0] <= clock.now() < starts[0] + 7 * DAY
    assert [week.active_accounts for week in weeks] == [1, 2, *[0] * 9, 1]
    assert [week.new_posts for week in weeks] == [2, 2, *[0] * 9, 1]
    assert sum(week.new_accounts for week in weeks) == 0  # it was before the first of these days


async def test_a_month_is_the_last_thirty_days_and_an_account_is_one_in_it(
    counting: Counting, windows: WindowRepository, observe: Observe, clock: FakeClock
) -> None:
    active = [(0 * DAY, 7), (-3 * DAY, 7), (-29 * DAY, 8), (-30 * DAY, 9)]
    await counting.add(
        [observe(n, Measure.ACTIVE_USERS, account_id=number, later=later) for n, (later, number) in enumerate(active)]
    )
    assert (await Activity(windows, clock).lately()).month_active_accounts == 2


async def test_weeks_are_added_up_once_however_many_ask(
    counting: Counting, windows: WindowRepository, observe: Observe, clock: FakeClock
) -> None:
    activity = Activity(windows, clock)
    before = await activity.lately()
    await counting.add([observe(1)])
    assert await activity.lately() == before
    clock.advance(KEPT_SECONDS)
    assert (await activity.lately()).weeks[0].new_posts == 1
