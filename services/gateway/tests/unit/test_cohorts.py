"""Requests of one kind that go through the services together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway_service import cohorts as module
from gateway_service.cohorts import FULL, Cohorts


class Road:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.cohorts = Cohorts[int, int](self._together)
        self.cohorts_seen: list[list[int]] = []
        self.failure: Exception | None = None
        self.started: list[int] = []
        self._ends: dict[int, asyncio.Future[None]] = {}

    async def send(self, number: int) -> asyncio.Task[int]:
        self._ends[number] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self.cohorts.join(number, self._end))
        await _settled()
        return task

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self._ends[number].set_result(None)
        await _settled()

    async def _together(self, numbers: Sequence[int]) -> list[int]:
        self.cohorts_seen.append(list(numbers))
        if self.failure is not None:
            raise self.failure
        return [number * 10 for number in numbers]

    async def _end(self, found: int) -> int:
        number = found // 10
        self.started.append(number)
        await self._ends[number]
        return number


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch) -> Road:
    """Where nobody loses patience."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(module, "LINGER_SECONDS", 60.0)
    return Road()


async def test_alone_it_goes_at_once(road: Road) -> None:
    for number in range(3):
        task = await road.send(number)
        assert road.started[-1] == number
        await road.end(number)
        assert await task == number


async def test_what_comes_while_one_is_on_the_way_goes_together_with_who_comes_again(road: Road) -> None:
    for number in range(4):
        await road.send(number)
    assert road.started == [0]
    await road.end(0)
    assert road.started == [0], "the first may ask anew, as its client does"
    await road.send(4)
    assert sorted(road.started) == [0, 1, 2, 3, 4]


async def test_who_does_not_come_again_is_not_waited_for_longer(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.01)
    for number in range(3):
        await road.send(number)
    await road.end(0)
    assert road.started == [0]
    await asyncio.sleep(0.05)
    assert road.started == [0, 1, 2]
    await road.end(1, 2)
    await asyncio.sleep(0.05)
    await road.send(3)
    assert road.started[-1] == 3, "who is alone again waits for nobody"


async def test_as_many_as_are_enough_start_though_others_are_on_the_way(road: Road) -> None:
    for number in range(FULL + 1):
        await road.send(number)
    assert sorted(road.started) == list(range(FULL + 1))


async def test_nobody_waits_for_long_for_who_is_on_the_way(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    await road.send(0)
    await road.send(1)
    await asyncio.sleep(0.05)
    assert road.started == [0, 1]


@pytest.mark.parametrize("is_started", [False, True])
async def test_who_goes_away_holds_up_nobody(road: Road, is_started: bool) -> None:
    await road.send(0)
    going = await road.send(1)
    await road.send(2)
    if is_started:
        await road.end(0)
        await road.send(3)
        assert sorted(road.started) == [0, 1, 2, 3]
    going.cancel()
    await _settled()
    with pytest.raises(asyncio.CancelledError):
        await going
    if is_started:
        await road.end(2, 3)
        assert not road.cohorts._on_the_way
    else:
        await road.end(0)
        await road.send(3)
        assert sorted(road.started) == [0, 2, 3]


async def test_all_that_wait_may_go_away(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.01)
    await road.send(0)
    going = await road.send(1)
    going.cancel()
    await road.end(0)
    await asyncio.sleep(0.05)
    await road.send(2)
    assert road.started == [0, 2]


async def test_who_goes_away_in_the_moment_of_the_start_counts_as_back(road: Road) -> None:
    await road.send(0)
    going = await road.send(1)
    await road.end(0)
    task = asyncio.create_task(road.cohorts.join(0, road._end))
    await asyncio.sleep(0)
    going.cancel()
    await _settled()
    assert task.done()
    assert not road.cohorts._on_the_way


async def test_what_fails_is_told_to_who_asked_and_ends_its_place(road: Road) -> None:
    async def fail(_found: int) -> None:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await road.cohorts.join(1, fail)
    assert not road.cohorts._on_the_way


async def test_what_fails_for_all_is_told_to_each_of_them(road: Road) -> None:
    first = await road.send(0)
    others = [await road.send(number) for number in (1, 2)]
    road.failure = ValueError("away")
    await road.end(0)
    assert await first == 0
    road.cohorts._start()
    for other in others:
        with pytest.raises(ValueError, match="away"):
            await other
    assert not road.cohorts._on_the_way
    assert road.cohorts_seen == [[0], [1, 2]]
