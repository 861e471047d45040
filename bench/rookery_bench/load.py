"""Load: closed loops (each connection sends its next request when it has its answer) and a paced background."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rookery_bench.client import Connection, Server

Request = Callable[[int], bytes]  # the n-th request


@dataclass
class Outcome:
    """What a load saw."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)  # of each request that was answered 2xx
    errors: Counter[str] = field(default_factory=Counter)  # by status, or by the exception's name
    body_bytes: int = 0

    @property
    def done(self) -> int:
        return len(self.milliseconds)

    @property
    def per_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def mean_bytes(self) -> float:
        return self.body_bytes / self.done if self.done else 0.0

    def percentile(self, share: float) -> float:
        """In milliseconds, by nearest rank; 0 where nothing was done."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def closed_loop(server: Server, request: Request, concurrency: int, seconds: float) -> Outcome:
    """`concurrency` connections, all busy all the time; the first round, which connects, is not counted."""
    outcome = Outcome()
    connections = [Connection(server) for _ in range(concurrency)]
    numbers = iter(range(1 << 62))
    await asyncio.gather(*(_once(connection, request(next(numbers)), Outcome()) for connection in connections))
    start = time.perf_counter()
    end = start + seconds

    async def drive(connection: Connection) -> None:
        while time.perf_counter() < end:
            await _once(connection, request(next(numbers)), outcome)
        connection.close()

    await asyncio.gather(*(drive(connection) for connection in connections))
    outcome.seconds = time.perf_counter() - start
    return outcome


@asynccontextmanager
async def paced(server: Server, request: Request, per_second: float) -> AsyncIterator[Outcome]:
    """Requests at a steady rate while the block runs: each is sent when it is due, the last answered or not."""
    outcome = Outcome()
    idle: list[Connection] = []
    running: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        connection = idle.pop() if idle else Connection(server)
        await _once(connection, request(number), outcome)
        idle.append(connection)

    async def pace() -> None:
        start = time.perf_counter()
        for number in range(1 << 62):
            await asyncio.sleep(start + number / per_second - time.perf_counter())
            task = asyncio.create_task(one(number))
            running.add(task)
            task.add_done_callback(running.discard)

    start = time.perf_counter()
    pacer = asyncio.create_task(pace())
    try:
        yield outcome
    finally:
        pacer.cancel()
        await asyncio.gather(pacer, *running, return_exceptions=True)
        outcome.seconds = time.perf_counter() - start
        for connection in idle:
            connection.close()


@asynccontextmanager
async def whenever(server: Server, due: asyncio.Semaphore, request: Request) -> AsyncIterator[Outcome]:
    """A request for each release of `due`, one after another, while the block runs."""
    outcome, connection = Outcome(), Connection(server)

    async def send() -> None:
        for number in range(1 << 62):
            await due.acquire()
            await _once(connection, request(number), outcome)

    sender = asyncio.create_task(send())
    try:
        yield outcome
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        connection.close()


async def _once(connection: Connection, request: bytes, outcome: Outcome) -> None:
    start = time.perf_counter()
    try:
        answer = await connection.send(request)
    except (OSError, TimeoutError) as error:
        outcome.errors[type(error).__name__] += 1
        connection.close()
        return
    if 200 <= answer.status < 300:
        outcome.milliseconds.append((time.perf_counter() - start) * 1000)
        outcome.body_bytes += len(answer.body)
    else:
        outcome.errors[str(answer.status)] += 1
