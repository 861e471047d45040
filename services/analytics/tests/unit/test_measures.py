"""Measures over spans of minutes and of days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from analytics_service.errors import FieldInvalid
from analytics_service.models import Measure, Observation
from analytics_service.service.counting import Counting
from analytics_service.service.measures import MeasureReader
from rookery_common.testing import FakeClock

Observe = Callable[..., Observation]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def test_windows_add_up_and_those_before_are_the_previous_total(
    counting: Counting, reader: MeasureReader, observe: Observe, clock: FakeClock
) -> None:
    await counting.add([observe(n, later=-MINUTE * n, source=f"s/{n % 2}") for n in range(5)] + [observe(9)])
    end = clock.now() + MINUTE
    [series] = await reader.read(["new_posts", "new_posts"], end - 3 * MINUTE, end, 60)
    assert [value for _, value in series.windows] == [1, 1, 2]
    assert [start for start, _ in series.windows] == [end - 3 * MINUTE, end - 2 * MINUTE, end - MINUTE]
    assert (series.measure, series.total, series.previous_total) == (Measure.NEW_POSTS, 4, 2)


async def test_an_account_is_one_account_over_all_windows(
    counting: Counting, reader: MeasureReader, observe: Observe, clock: FakeClock
) -> None:
    active = [(0, 7), (1, 7), (1, 8), (4, 9), (5, 9)]
    await counting.add(
        [
            observe(n, Measure.ACTIVE_USERS, account_id=account_id, later=-DAY * days, source=f"s/{n}")
            for n, (days, account_id) in enumerate(active)
        ]
    )
    [series] = await reader.read(["active_users"], clock.now() - 2 * DAY, clock.now(), 0)
    assert [value for _, value in series.windows] == [0, 2, 1]
    assert (series.total, series.previous_total) == (2, 1)


async def test_partitions_of_windows_are_read_across_their_border(
    counting: Counting, reader: MeasureReader, observe: Observe, clock: FakeClock
) -> None:
    await counting.add([observe(n, later=-MINUTE * n) for n in range(170)])
    end = clock.now() + MINUTE
    [series] = await reader.read(["new_posts"], end - 180 * MINUTE, end, 60)
    assert (series.total, series.previous_total) == (170, 0)
    assert [value for _, value in series.windows] == [0] * 10 + [1] * 170


@pytest.mark.parametrize(
    ("keys", "span", "width", "field"),
    [
        (["moons"], MINUTE, 60, "keys"),
        (["new_posts"], MINUTE, 61, "window_seconds"),
        (["new_posts"], -MINUTE, 60, "end_time"),
        (["new_posts"], 181 * MINUTE, 60, "end_time"),
        (["new_posts"], 32 * DAY, 0, "end_time"),
    ],
)
async def test_what_is_wrong_is_named(
    reader: MeasureReader, clock: FakeClock, keys: list[str], span: timedelta, width: int, field: str
) -> None:
    with pytest.raises(FieldInvalid) as refused:
        await reader.read(keys, clock.now(), clock.now() + span, width)
    assert refused.value.fields[0].field == field
