"""The clock of tests moves only when told."""

from __future__ import annotations

import asyncio

from rookery_common.testing import FakeClock, FakeIds


async def test_sleepers_wake_when_their_time_has_come(clock: FakeClock) -> None:
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper("late", 10)), asyncio.create_task(sleeper("early", 1))]
    await asyncio.sleep(0)
    clock.advance(1)
    await tasks[1]
    assert woken == ["early"]
    clock.advance(9)
    await tasks[0]
    assert woken == ["early", "late"]


def test_setting_the_clock_back_does_not_touch_monotonic_time(clock: FakeClock) -> None:
    before, started = clock.unix_ms(), clock.monotonic()
    clock.advance(-5)
    assert clock.unix_ms() == before - 5000
    assert clock.monotonic() == started


def test_ids_of_a_test_are_in_order_and_tell_its_time(ids: FakeIds, clock: FakeClock) -> None:
    first = ids.mint()
    clock.advance(1)
    assert ids.mint() > first
