"""What is delivered is found again. Runs over the fakes, and as a link in tests/engine over the engine."""

from __future__ import annotations

from typing import Any

from feed_service.models import Reason
from feed_service.repository.timelines import TimelineRepository
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

READER, OTHER = 102, 103


async def test_entries_are_found_newest_first_between_exclusive_bounds(
    timelines: TimelineRepository, entries: Any
) -> None:
    made = entries.many(10)
    await timelines.add([(READER, entry) for entry in made])
    assert await timelines.older(READER, MAX_ID, 0, 100) == made[::-1]
    assert await timelines.older(READER, made[7].entry_id, made[2].entry_id, 100) == made[6:2:-1]
    assert await timelines.older(READER, MAX_ID, 0, 3) == made[:-4:-1]


async def test_entries_are_found_upwards_from_the_lower_bound(timelines: TimelineRepository, entries: Any) -> None:
    made = entries.many(10)
    await timelines.add([(READER, entry) for entry in made])
    assert await timelines.newer(READER, MAX_ID, made[2].entry_id, 3) == made[3:6]
    assert await timelines.newer(READER, made[4].entry_id, made[2].entry_id, 3) == [made[3]]


async def test_readers_have_timelines_of_their_own(timelines: TimelineRepository, entries: Any) -> None:
    mine, theirs = entries.make(), entries.make()
    await timelines.add([(READER, mine), (OTHER, theirs)])
    assert await timelines.older(READER, MAX_ID, 0, 10) == [mine]
    assert await timelines.older(OTHER, MAX_ID, 0, 10) == [theirs]
    assert await timelines.older(999, MAX_ID, 0, 10) == []


async def test_delivering_again_changes_nothing(timelines: TimelineRepository, entries: Any) -> None:
    entry = entries.make(reason=Reason.REBLOG)
    for _ in range(3):
        await timelines.add([(READER, entry), (READER, entry)])
    assert await timelines.older(READER, MAX_ID, 0, 10) == [entry]


async def test_a_page_goes_back_over_days_without_entries(
    timelines: TimelineRepository, entries: Any, clock: FakeClock
) -> None:
    made = []
    for days in (0, 1, 5, 12, 11):
        clock.advance(days * 86_400)
        made.append(entries.make())
        await timelines.add([(READER, made[-1])])
    assert await timelines.older(READER, MAX_ID, 0, 10) == made[::-1]
    assert await timelines.older(READER, made[3].entry_id, 0, 2) == [made[2], made[1]]
    assert await timelines.newer(READER, MAX_ID, made[0].entry_id, 3) == made[1:4]


async def test_what_is_older_than_the_history_is_not_stored(
    timelines: TimelineRepository, entries: Any, clock: FakeClock
) -> None:
    entry = entries.make()
    clock.advance(40 * 86_400)
    await timelines.add([(READER, entry)])
    assert await timelines.older(READER, MAX_ID, 0, 10) == []


async def test_many_deliveries_of_a_poll_are_all_written(timelines: TimelineRepository, entries: Any) -> None:
    made = entries.many(5)
    await timelines.add([(reader_id, entry) for reader_id in range(1, 401) for entry in made])
    for reader_id in (1, 200, 400):
        assert await timelines.older(reader_id, MAX_ID, 0, 10) == made[::-1]


async def test_nothing_to_deliver_is_fine(timelines: TimelineRepository) -> None:
    await timelines.add([])
