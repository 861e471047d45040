from __future__ import annotations

import asyncio

import pytest

from post_service.repository.coalescing import Coalescing


async def test_who_asks_while_a_run_is_under_way_shares_the_next() -> None:
    value, runs = 0, list[int]()
    started, go_on = asyncio.Event(), asyncio.Event()

    async def job(_: str) -> int:
        seen = value
        started.set()
        await go_on.wait()
        runs.append(seen)
        return seen

    coalescing = Coalescing(job)
    first = asyncio.create_task(coalescing("key"))
    await started.wait()
    value = 1
    later = [asyncio.create_task(coalescing("key")) for _ in range(20)]
    await asyncio.sleep(0)
    go_on.set()
    assert await first == 0
    assert await asyncio.gather(*later) == [1] * 20
    assert runs == [0, 1]
    assert await coalescing("key") == 1
    assert len(runs) == 3


async def test_keys_do_not_wait_for_each_other_nor_for_a_failure() -> None:
    async def job(key: str) -> str:
        await asyncio.sleep(0)
        if key == "broken":
            raise ValueError(key)
        return key

    coalescing = Coalescing(job)
    results = await asyncio.gather(coalescing("a"), coalescing("broken"), coalescing("b"), return_exceptions=True)
    assert list(results[0::2]) == ["a", "b"]
    assert isinstance(results[1], ValueError)
    with pytest.raises(ValueError, match="broken"):
        await coalescing("broken")


async def test_one_who_stops_waiting_takes_nothing_from_the_others() -> None:
    async def job(_: str) -> str:
        await asyncio.sleep(0.01)
        return "done"

    coalescing = Coalescing(job)
    hasty, patient = asyncio.create_task(coalescing("key")), asyncio.create_task(coalescing("key"))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == "done"
