"""Work that is due again and again: at its pace, also after what it needs was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from rookery_common.clock import Clock
from rookery_common.errors import Unavailable
from rookery_common.rounds import Rounds
from rookery_common.testing import FakeClock

EVERY, AGAIN_AFTER = 15.0, 0.5


class Work(Rounds):
    """Says whether there is more, as it is told to; counts its rounds."""

    def __init__(self, clock: Clock, *, again_after: float = AGAIN_AFTER, lanes: int = 1) -> None:
        super().__init__("test.work", clock, every=EVERY, again_after=again_after, lanes=lanes)
        self.answers: list[bool | Unavailable] = []
        self.rounds = 0

    async def round(self) -> bool:
        self.rounds += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Unavailable):
            raise answer
        return answer


@pytest_asyncio.fixture
async def work(clock: FakeClock) -> AsyncIterator[Work]:
    work = Work(clock)
    yield work
    await work.stop()


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_goes_round_until_it_is_stopped(work: Work, clock: FakeClock) -> None:
    await work.start()
    for rounds in range(1, 4):
        await _settled()
        assert work.rounds == rounds
        clock.advance(EVERY)
    await _settled()
    await work.stop()
    clock.advance(EVERY)
    await _settled()
    assert work.rounds == 4


async def test_where_there_is_more_the_next_round_comes_soon(work: Work, clock: FakeClock) -> None:
    work.answers = [True, True]
    await work.start()
    for rounds in (1, 2, 3):
        await _settled()
        assert work.rounds == rounds
        clock.advance(AGAIN_AFTER)
    await _settled()
    assert work.rounds == 3
    clock.advance(EVERY)
    await _settled()
    assert work.rounds == 4


async def test_a_round_that_fails_is_told_of_and_tried_again(work: Work, clock: FakeClock) -> None:
    work.answers = [Unavailable("the database is away")]
    with capture_logs() as logs:
        await work.start()
        await _settled()
    assert [(each["event"], each["reason"]) for each in logs] == [("test.work_failed", "UNAVAILABLE")]
    clock.advance(EVERY)
    await _settled()
    assert work.rounds == 2


@pytest.mark.parametrize("lanes", [1, 4])
async def test_lanes_look_in_turn(clock: FakeClock, lanes: int) -> None:
    work = Work(clock, lanes=lanes)
    await work.start()
    for rounds in range(1, 10):
        await _settled()
        assert work.rounds == rounds
        clock.advance(EVERY)
    await work.stop()


async def test_lanes_that_find_something_go_on_side_by_side(clock: FakeClock) -> None:
    work = Work(clock, lanes=2)
    work.answers = [True] * 100
    await work.start()
    await _settled()
    clock.advance(EVERY)
    await _settled()
    before = work.rounds
    for _ in range(5):
        clock.advance(AGAIN_AFTER)
        await _settled()
    assert work.rounds == before + 10
    await work.stop()


async def test_what_never_began_can_be_stopped(clock: FakeClock) -> None:
    await Work(clock).stop()
