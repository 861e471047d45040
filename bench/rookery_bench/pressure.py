"""What a server does with more than it can serve, and what connections that say nothing cost it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rookery_bench.load import Outcome, closed_loop, paced
from rookery_bench.scenarios import Bench, Row, metered
from rookery_bench.sockets import SOCKETS_PER_ACCOUNT, as_many_files_as_allowed, close_all, open_all

CAPACITY_CONCURRENCY = 32
IN_TIME_MS = 1_000.0
SETTLE_SECONDS = 3.0
FROZEN_ROUTE = "/api/v2/search?q=hello&type=statuses"
FROZEN_PER_SECOND = 20.0


async def overloaded(bench: Bench, times: int) -> Row:
    """Home reads that arrive so many times faster than a closed loop could be served; goodput is what came in a second.

    The refusals' share of the CPU is in it, the generator's is not where there are two cores: it has one for itself.
    """
    with bench.processes.apart() as apart:
        return await _overloaded(bench, times, apart=apart)


async def _overloaded(bench: Bench, times: int, *, apart: bool) -> Row:
    readers = bench.people.readers

    def read(number: int) -> bytes:
        return bench.home(readers[number % len(readers)])

    capacity = (await closed_loop(bench.server, read, CAPACITY_CONCURRENCY, bench.seconds)).per_second
    with metered(bench.processes) as meter:
        async with paced(bench.server, read, capacity * times) as outcome:
            await asyncio.sleep(bench.seconds)
    in_time = sum(each <= IN_TIME_MS for each in outcome.milliseconds)
    goodput = in_time / bench.seconds / capacity if capacity else 0.0
    name = f"home reads at {times}x capacity"
    return bench.row(name, 0, outcome, meter, capacity=round(capacity, 1), goodput=round(goodput, 3), apart=apart)


async def frozen(bench: Bench, dependency: str = "search") -> Row:
    """Home reads at half of capacity while a service that they do without is stopped and is still asked for.

    Needs the processes of the platform; the note says how many times longer p99 is than just before.
    """
    if dependency not in bench.processes.services:
        raise ValueError(f"the process of {dependency} is not known, so it can't be stopped: name a local platform")
    readers = bench.people.readers

    def read(number: int) -> bytes:
        return bench.home(readers[number % len(readers)])

    def ask(number: int) -> bytes:
        return bench.server.get(FROZEN_ROUTE, readers[number % len(readers)].token)

    rate = (await closed_loop(bench.server, read, CAPACITY_CONCURRENCY, bench.seconds)).per_second / 2
    async with paced(bench.server, ask, FROZEN_PER_SECOND), paced(bench.server, read, rate) as before:
        await asyncio.sleep(bench.seconds)
    with metered(bench.processes) as meter, _stopped(bench.processes.services[dependency]):
        async with paced(bench.server, ask, FROZEN_PER_SECOND), paced(bench.server, read, rate) as outcome:
            await asyncio.sleep(bench.seconds)
    usual = before.percentile(0.99)
    longer = outcome.percentile(0.99) / usual if usual else 0.0
    return bench.row(f"home reads while {dependency} is frozen", 0, outcome, meter, p99_times_longer=round(longer, 2))


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def idle_sockets(bench: Bench) -> Row:
    """WebSockets that are open and silent: memory of the process named gateway, or of all services, for each."""
    outcome, start = Outcome(), time.perf_counter()
    before = _memory(bench)
    with as_many_files_as_allowed() as files:
        wanted = min(bench.sockets, SOCKETS_PER_ACCOUNT * len(bench.people.readers), files)
        with metered(bench.processes) as meter:
            opened = await open_all(bench, wanted, outcome)
            await asyncio.sleep(SETTLE_SECONDS)
        outcome.seconds = time.perf_counter() - start
        kib = (_memory(bench) - before) * 1024 / len(opened) if opened else 0.0
        close_all(opened)
    return bench.row("idle WebSockets", len(opened), outcome, meter, kib_each=round(kib, 1))


def _memory(bench: Bench) -> float:
    usage, services = bench.processes.usage(), bench.processes.services
    return sum(usage[name].rss_mib for name in (["gateway"] if "gateway" in services else services))
