"""Where accounts have read to. Runs over the fakes, and as a link in tests/engine over the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from notification_service.errors import MarkerMoved
from notification_service.models import MarkedTimeline, Marker
from notification_service.repository.markers import MarkerRepository
from notification_service.service.markers import Markers
from rookery_common.testing import FakeClock

ALICE, BOB = 101, 102
HOME, NOTIFICATIONS = MarkedTimeline.HOME, MarkedTimeline.NOTIFICATIONS


async def test_what_was_never_marked_is_left_out(markers: Markers) -> None:
    assert await markers.get(ALICE, list(MarkedTimeline)) == []


async def test_a_marker_is_moved_on_and_back_and_each_time_its_version_rises(
    markers: Markers, clock: FakeClock
) -> None:
    moved: list[Marker] = []
    for last_read_id in (5, 9, 7):
        clock.advance(1)
        moved += await markers.put(ALICE, {HOME: last_read_id})
    assert [(each.last_read_id, each.version) for each in moved] == [(5, 1), (9, 2), (7, 3)]
    assert await markers.get(ALICE, [HOME]) == [Marker(HOME, 7, 3, clock.now())]


async def test_timelines_and_accounts_have_markers_of_their_own(markers: Markers) -> None:
    await markers.put(ALICE, {NOTIFICATIONS: 3, HOME: 4})
    await markers.put(BOB, {HOME: 8})
    found = await markers.get(ALICE, [NOTIFICATIONS, HOME])
    assert [(each.timeline, each.last_read_id) for each in found] == [(HOME, 4), (NOTIFICATIONS, 3)]
    assert [each.last_read_id for each in await markers.get(ALICE, [NOTIFICATIONS])] == [3]
    assert [each.last_read_id for each in await markers.get(BOB, [HOME])] == [8]


@pytest.mark.parametrize("before", [0, 1])
async def test_of_clients_that_mark_at_once_those_are_refused_that_another_overtook(
    markers: Markers, marked: MarkerRepository, before: int
) -> None:
    for _ in range(before):
        await markers.put(ALICE, {HOME: 1})
    held = (await marked.of_account(ALICE)).get(HOME)
    [mine] = await markers.put(ALICE, {HOME: 2})
    late = replace(held, version=held.version + 1) if held else replace(mine, last_read_id=3)
    assert not await marked.put(ALICE, late)
    assert (await marked.of_account(ALICE))[HOME] == mine


async def test_whatever_clients_do_at_once_each_acknowledged_move_has_a_version_of_its_own(markers: Markers) -> None:
    answers = await asyncio.gather(
        *(markers.put(ALICE, {HOME: number}) for number in range(1, 9)), return_exceptions=True
    )
    made = [answer[0] for answer in answers if not isinstance(answer, BaseException)]
    assert all(isinstance(answer, MarkerMoved) for answer in answers if isinstance(answer, BaseException))
    assert sorted(each.version for each in made) == list(range(1, len(made) + 1))
    [held] = await markers.get(ALICE, [HOME])
    assert held == max(made, key=lambda each: each.version)
