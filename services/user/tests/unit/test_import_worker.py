"""The worker that does imports: at its pace, also after the database was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock
from user_service.transfers.work import IDLE_SECONDS, PAUSE_SECONDS, ImportWorker


class Work:
    """Says whether anything was due, as it is told to; counts its turns."""

    def __init__(self) -> None:
        self.answers: list[bool | Unavailable] = []
        self.turns = 0

    async def turn(self) -> bool:
        self.turns += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Unavailable):
            raise answer
        return answer


@pytest.fixture
def work() -> Any:
    return Work()


@pytest_asyncio.fixture
async def worker(work: Any, clock: FakeClock) -> AsyncIterator[ImportWorker]:
    worker = ImportWorker(work, clock)
    yield worker
    await worker.stop()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_rests_after_each_turn_and_longer_where_nothing_is_due(
    worker: ImportWorker, work: Any, clock: FakeClock
) -> None:
    work.answers = [True, True]
    await worker.start()
    await _turns()
    assert work.turns == 1
    for turns in (2, 3):
        clock.advance(PAUSE_SECONDS)
        await _turns()
        assert work.turns == turns
    clock.advance(PAUSE_SECONDS)
    await _turns()
    assert work.turns == 3
    clock.advance(IDLE_SECONDS)
    await _turns()
    assert work.turns == 4


async def test_an_outage_does_not_end_it(worker: ImportWorker, work: Any, clock: FakeClock) -> None:
    work.answers = [Unavailable("the database is away"), True]
    await worker.start()
    await _turns()
    clock.advance(IDLE_SECONDS)
    await _turns()
    assert work.turns == 2
