"""Snowflakes are unique and in order, whatever the clock does; worker numbers are held by lease."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery_common.errors import Unavailable
from rookery_common.ids import (
    EPOCH_MS,
    MAX_DRIFT_MS,
    MAX_ID,
    ClockWentBackwards,
    Snowflake,
    lowest_id_at,
    ms_of,
    time_of,
    uuid7,
)
from rookery_common.testing import FakeClock
from rookery_common.worker_leases import Lease, NoWorkerNumber, WorkerLease


def source(clock: FakeClock, worker: int = 5) -> Snowflake:
    return Snowflake(clock, lambda: worker)


def test_an_id_tells_its_time_and_fits_a_signed_64_bit_integer(clock: FakeClock) -> None:
    minted = source(clock, 1023).mint()
    assert ms_of(minted) == clock.unix_ms()
    assert time_of(minted) == clock.now()
    assert lowest_id_at(clock.unix_ms()) <= minted < lowest_id_at(clock.unix_ms() + 1)
    assert 0 < minted <= MAX_ID
    assert lowest_id_at(0) == 0


@given(st.lists(st.one_of(st.just(0.0), st.floats(-0.02, 0.05)), min_size=1, max_size=300))
def test_ids_are_unique_and_grow_while_the_clock_wobbles(steps: list[float]) -> None:
    clock, minted = FakeClock(), []
    ids = source(clock)
    for step in steps:
        clock.advance(step)
        try:
            minted.append(ids.mint())
        except ClockWentBackwards as error:
            clock.advance(error.retry_after or 1)
    assert minted == sorted(set(minted))


def test_a_burst_runs_ahead_of_the_clock_by_fifty_milliseconds_at_most(clock: FakeClock) -> None:
    ids = source(clock)
    minted = [ids.mint() for _ in range((MAX_DRIFT_MS + 1) * 2048)]
    with pytest.raises(ClockWentBackwards):
        ids.mint()
    assert minted == sorted(set(minted))
    assert ms_of(minted[-1]) - clock.unix_ms() == MAX_DRIFT_MS


def test_a_clock_far_behind_stops_minting_until_it_has_caught_up(clock: FakeClock) -> None:
    ids = source(clock)
    before = ids.mint()
    clock.advance(-0.2)
    with pytest.raises(ClockWentBackwards):
        ids.mint()
    clock.advance(0.16)
    assert ids.mint() > before


def test_workers_never_share_an_id(clock: FakeClock) -> None:
    one, two = source(clock, 1), source(clock, 2)
    assert {one.mint() for _ in range(500)}.isdisjoint(two.mint() for _ in range(500))


def test_ids_of_the_past_never_meet_ordinary_ones(clock: FakeClock) -> None:
    ids = source(clock)
    now = clock.unix_ms()
    past = [ids.mint_at(now) for _ in range(2048)]
    assert len(set(past)) == 2048
    assert set(past).isdisjoint(ids.mint() for _ in range(2048))
    assert {ms_of(i) for i in past} == {now}


@pytest.mark.parametrize("offset", [1, 10_000])
def test_ids_of_the_future_are_refused(clock: FakeClock, offset: int) -> None:
    with pytest.raises(ValueError, match="between 2020 and now"):
        source(clock).mint_at(clock.unix_ms() + offset)
    with pytest.raises(ValueError, match="between 2020 and now"):
        source(clock).mint_at(EPOCH_MS - 1)


def test_event_ids_are_unique_and_of_one_form() -> None:
    made = [uuid7() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(text) == 36 and text[14] == "7" for text in made)


class Store:
    """What all processes see: who holds which number, and whether it answers."""

    def __init__(self) -> None:
        self.holders: dict[int, int] = {}
        self.fence = 0
        self.away = False


class StoredLease(WorkerLease):
    """A lease in a dictionary."""

    def __init__(self, clock: FakeClock, store: Store, workers: range = range(2)) -> None:
        super().__init__(clock, workers)
        self.store = store

    def _answer(self) -> None:
        if self.store.away:
            raise Unavailable("the store is away")

    async def _claim(self) -> Lease:
        self._answer()
        for worker in self._workers:
            if worker not in self.store.holders:
                self.store.fence += 1
                self.store.holders[worker] = self.store.fence
                return Lease(worker, self.store.fence)
        raise NoWorkerNumber("none left")

    async def _renew(self, lease: Lease) -> bool:
        self._answer()
        return self.store.holders.get(lease.worker) == lease.fence

    async def _release(self, lease: Lease) -> None:
        self._answer()
        self.store.holders.pop(lease.worker, None)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_processes_hold_different_numbers_and_give_them_back(clock: FakeClock) -> None:
    store = Store()
    one, two, three = (StoredLease(clock, store) for _ in range(3))
    for lease in (one, two, three):
        await lease.start()
    assert (one.worker(), two.worker()) == (0, 1)
    with pytest.raises(NoWorkerNumber):
        three.worker()
    await one.stop()
    with pytest.raises(NoWorkerNumber):
        one.worker()
    await settle()
    clock.advance(1)
    await settle()
    assert three.worker() == 0
    await three.check()
    await two.stop()
    await three.stop()
    assert store.holders == {}


async def test_minting_stops_once_the_lease_may_be_over_and_resumes_when_renewed(clock: FakeClock) -> None:
    store = Store()
    lease = StoredLease(clock, store)
    ids = Snowflake(clock, lease.worker)
    await lease.start()
    ids.mint()
    store.away = True
    for _ in range(29):
        clock.advance(1)
        await settle()
    ids.mint()
    clock.advance(1)
    with pytest.raises(NoWorkerNumber):
        ids.mint()
    store.away = False
    await settle()
    clock.advance(1)
    await settle()
    ids.mint()
    await lease.stop()


async def test_a_lease_that_went_to_another_is_exchanged_for_a_new_number(clock: FakeClock) -> None:
    store = Store()
    lease = StoredLease(clock, store)
    await lease.start()
    store.holders[0] = 999
    await lease.refresh()
    assert lease.worker() == 1
    await lease.stop()


async def test_a_process_starts_without_its_store_and_gets_a_number_later(clock: FakeClock) -> None:
    store = Store()
    store.away = True
    lease = StoredLease(clock, store)
    await lease.start()
    with pytest.raises(NoWorkerNumber):
        await lease.check()
    await settle()
    store.away = False
    clock.advance(1)
    await settle()
    assert lease.worker() == 0
    await lease.stop()


@pytest.mark.parametrize("workers", [range(0), range(1000, 1025), range(-1, 5)])
def test_a_range_beyond_ten_bits_is_refused(clock: FakeClock, workers: range) -> None:
    with pytest.raises(ValueError, match="worker numbers"):
        StoredLease(clock, Store(), workers)
