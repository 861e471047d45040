"""Measures over a span of time, from the windows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from analytics_service import distinct
from analytics_service.errors import FieldInvalid
from analytics_service.models import DISTINCT, MAX_WINDOWS, Measure, Series, Width, Window
from analytics_service.repository.windows import Counted, WindowRepository


class MeasureReader:
    """Answers from minutes or from days; nothing is added up beforehand but these."""

    def __init__(self, windows: WindowRepository) -> None:
        self._windows = windows

    async def read(self, keys: Sequence[str], start: datetime, end: datetime, width_seconds: int) -> list[Series]:
        """The windows that the span touches, whole, for each key once, in order. Raises FieldInvalid."""
        measures = [_measure(key) for key in dict.fromkeys(keys)]
        width = _width(width_seconds)
        first, last = int(start.timestamp()) // width, -(-int(end.timestamp()) // width) - 1
        if last < first:
            raise FieldInvalid("end_time", "must be after start_time")
        if last - first >= MAX_WINDOWS[width]:
            raise FieldInvalid("end_time", f"must be at most {MAX_WINDOWS[width]} windows after start_time")
        return list(await asyncio.gather(*(self._series(measure, width, first, last) for measure in measures)))

    async def _series(self, measure: Measure, width: Width, first: int, last: int) -> Series:
        length = last - first + 1
        rows = await self._windows.list(measure, width, first - length, last)
        by_window: dict[int, list[Counted]] = {}
        for row in rows:
            by_window.setdefault(row.number, []).append(row)
        return Series(
            measure=measure,
            total=total(measure, (row for row in rows if row.number >= first)),
            previous_total=total(measure, (row for row in rows if row.number < first)),
            windows=[
                (Window(measure, width, number).start, total(measure, by_window.get(number, ())))
                for number in range(first, last + 1)
            ],
        )


def total(measure: Measure, rows: Iterable[Counted]) -> int:
    """Of all these windows: an account that was active in two windows, or by two topics, is one account."""
    if measure in DISTINCT:
        return distinct.estimate(distinct.union(row.members for row in rows))
    return sum(row.value for row in rows)


def _measure(key: str) -> Measure:
    try:
        return Measure(key)
    except ValueError:
        raise FieldInvalid("keys", f"must be of {', '.join(Measure)}", "ERR_INCLUSION") from None


def _width(seconds: int) -> Width:
    try:
        return Width(seconds or Width.DAY)
    except ValueError:
        raise FieldInvalid("window_seconds", "must be 60 or 86400", "ERR_INCLUSION") from None
