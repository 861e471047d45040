"""The worker that ends mutes: by itself, in its time, also after the database was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock
from user_service.relationships import expiry
from user_service.relationships.expiry import INTERVAL_SECONDS, MuteExpiry


class Relationships:
    """Answers how many mutes were ended, as it is told to; notes what it was asked for."""

    def __init__(self) -> None:
        self.answers: list[int | Unavailable] = []
        self.asked: list[int] = []

    async def end_expired_mutes(self, limit: int) -> int:
        self.asked.append(limit)
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Unavailable):
            raise answer
        return answer


@pytest.fixture
def relationships() -> Any:
    return Relationships()


@pytest_asyncio.fixture
async def worker(relationships: Any, clock: FakeClock) -> AsyncIterator[MuteExpiry]:
    worker = MuteExpiry(relationships, clock)
    yield worker
    await worker.stop()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_looks_again_and_again_and_ends_with_the_process(
    worker: MuteExpiry, relationships: Any, clock: FakeClock
) -> None:
    await worker.start()
    for rounds in range(1, 4):
        await _turns()
        assert len(relationships.asked) == rounds
        clock.advance(INTERVAL_SECONDS)
    await _turns()
    await worker.stop()
    clock.advance(INTERVAL_SECONDS)
    await _turns()
    assert len(relationships.asked) == 4


async def test_where_there_are_more_it_does_not_wait(worker: MuteExpiry, relationships: Any) -> None:
    relationships.answers = [expiry.MUTES, expiry.MUTES, 3]
    await worker.start()
    await _turns()
    assert relationships.asked == [expiry.MUTES] * 3


async def test_an_outage_does_not_end_it(worker: MuteExpiry, relationships: Any, clock: FakeClock) -> None:
    relationships.answers = [Unavailable("the database is away"), 1]
    await worker.start()
    await _turns()
    clock.advance(INTERVAL_SECONDS)
    await _turns()
    assert len(relationships.asked) == 2
