"""Overload: what is admitted, in which order, and how the limit follows latency."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.feed.v1.feed_service_pb2 import AddOwnPostRequest, AddOwnPostResponse
from rookery_common.errors import Unavailable
from rookery_common.rpc import Limiter, Overloaded, Priority
from rookery_common.rpc.priority import default_priority
from rookery_common.testing.clock import FakeClock

WINDOW = 0.3


def limiter_of(clock: FakeClock, limit: int, **options: Any) -> Limiter:
    return Limiter(clock, initial=limit, minimum=1, **options)


async def waiting(limiter: Limiter, priority: Priority, order: list[Priority]) -> None:
    await limiter.acquire(priority)
    order.append(priority)
    limiter.release(1, "M", 0.001)


async def test_entries_are_admitted_up_to_the_limit(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 3)
    assert limiter.try_acquire(2)
    assert not limiter.try_acquire(2)
    assert limiter.try_acquire(1)


async def test_a_batch_larger_than_the_limit_goes_alone(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 3)
    assert limiter.try_acquire(64)
    assert not limiter.try_acquire(1)


async def test_who_waits_is_admitted_by_priority(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 1)
    assert limiter.try_acquire(1)
    order: list[Priority] = []
    tasks = [asyncio.create_task(waiting(limiter, priority, order)) for priority in reversed(Priority)]
    await asyncio.sleep(0)
    limiter.release(1, "M", 0.001)
    await asyncio.gather(*tasks)
    assert order == list(Priority)
    assert limiter.in_flight == 0


async def test_nobody_waits_longer_than_the_cap(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 1, max_wait=0.02)
    assert limiter.try_acquire(1)
    with pytest.raises(Overloaded) as caught:
        await limiter.acquire(Priority.READ)
    assert caught.value.retry_after == 1.0
    limiter.release(1, "M", 0.001)
    assert limiter.try_acquire(1)


async def test_a_full_queue_refuses_the_latest_of_what_matters_least(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 1, max_queued=1)
    assert limiter.try_acquire(1)
    order: list[Priority] = []
    search = asyncio.create_task(waiting(limiter, Priority.SEARCH, order))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await limiter.acquire(Priority.SEARCH)
    write = asyncio.create_task(waiting(limiter, Priority.WRITE, order))
    with pytest.raises(Overloaded):
        await search
    limiter.release(1, "M", 0.001)
    await write
    assert order == [Priority.WRITE]


async def test_who_stops_waiting_leaves_nothing_behind(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 1)
    assert limiter.try_acquire(1)
    order: list[Priority] = []
    task = asyncio.create_task(waiting(limiter, Priority.READ, order))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    limiter.release(1, "M", 0.001)
    assert limiter.try_acquire(1)
    assert limiter.in_flight == 1


async def test_a_place_given_in_the_moment_of_giving_up_is_not_lost(clock: FakeClock) -> None:
    limiter = limiter_of(clock, 1)
    assert limiter.try_acquire(1)
    task = asyncio.create_task(limiter.acquire(Priority.READ))
    await asyncio.sleep(0)
    limiter.release(1, "M", 0.001)  # admits the one that waits
    task.cancel()  # before it has run again
    await asyncio.gather(task, return_exceptions=True)
    assert limiter.in_flight == 0
    assert limiter.try_acquire(1)


def run(limiter: Limiter, clock: FakeClock, concurrency: int, seconds: float) -> None:
    """A window's worth of work at this concurrency, each call taking so long."""
    for _ in range(3):
        admitted = sum(limiter.try_acquire(1) for _ in range(concurrency))
        for _ in range(admitted):
            limiter.release(1, "M", seconds)
    clock.advance(WINDOW)


async def test_the_limit_falls_when_calls_take_longer_than_usual(clock: FakeClock) -> None:
    limiter = Limiter(clock, initial=200, minimum=10)
    for _ in range(5):
        run(limiter, clock, 20, 0.010)
    before = limiter.limit
    for _ in range(10):
        run(limiter, clock, 200, 0.500)
    assert limiter.limit < before / 2
    assert limiter.limit >= 10


async def test_the_limit_grows_when_it_is_reached_and_calls_are_as_fast_as_ever(clock: FakeClock) -> None:
    limiter = Limiter(clock, initial=50, maximum=100)
    for _ in range(60):
        run(limiter, clock, 100, 0.010)
    assert limiter.limit == 100


async def test_the_limit_stays_when_it_is_not_reached(clock: FakeClock) -> None:
    limiter = Limiter(clock, initial=200)
    for _ in range(20):
        run(limiter, clock, 5, 0.010)
    assert limiter.limit == 200


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.0001, 5.0)), max_size=60))
def test_the_limit_stays_in_its_bounds_whatever_happens(steps: list[tuple[int, float]]) -> None:
    clock = FakeClock()
    limiter = Limiter(clock, initial=50, minimum=8, maximum=64)
    for concurrency, seconds in steps:
        run(limiter, clock, concurrency, seconds)
        assert 8 <= limiter.limit <= 64
        assert limiter.in_flight == 0


@pytest.mark.parametrize(
    ("path", "priority"),
    [
        ("/rookery.auth.v1.AuthService/ExchangeToken", Priority.AUTH),
        ("/rookery.post.v1.PostService/CreatePost", Priority.WRITE),
        ("/rookery.post.v1.PostService/BatchGetPosts", Priority.READ),
        ("/rookery.search.v1.SearchService/Search", Priority.SEARCH),
        ("/rookery.analytics.v1.AnalyticsService/GetInsights", Priority.ANALYTICS),
    ],
)
def test_a_method_s_priority_is_known_by_its_name(path: str, priority: Priority) -> None:
    assert default_priority(path) == priority


async def test_a_server_with_too_much_to_do_refuses_before_it_begins(network: Any, clock: FakeClock) -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, context: Any) -> AddOwnPostResponse:
        running.set()
        await go_on.wait()
        return AddOwnPostResponse()

    limiter = limiter_of(clock, 1, max_wait=0.02)
    server = await network.serve_feed({"AddOwnPost": slow}, limiter=limiter)
    client = await network.feed_client(server.port)
    first = asyncio.create_task(client.call("AddOwnPost", AddOwnPostRequest(), timeout=5))
    await running.wait()
    with pytest.raises(Unavailable) as caught:
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
    assert caught.value.reason == "OVERLOADED"
    go_on.set()
    await first
