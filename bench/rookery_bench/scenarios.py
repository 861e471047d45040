"""What is measured: idle cost, posting, deliveries, the time until a post is seen, and home reads."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psutil

from rookery_bench.client import Connection, Server
from rookery_bench.load import Outcome, closed_loop, paced, whenever
from rookery_bench.people import Account, People
from rookery_bench.processes import Processes, Usage

PAGE = 20  # posts of a home read
SETTLE_SECONDS = 5.0  # what signing people up left to do
WRITES_PER_SECOND = 5.0  # beside the reads
READS_A_POST = 100  # where everybody reads and posts
SEEN_POSTS = 50
SEEN_WITHIN_SECONDS = 60.0
# So many homes are asked at once: by fewer, asking a thousand takes longer than what is measured.
ASKING = 32
SAMPLE = 10  # readers asked whether a burst has arrived; all would be a load of their own
# About 2 KB of JSON a post, as the figures to compare with have it.
FILLER = "The rooks come home at dusk, first one by one and then by the hundred, and talk until it is dark. " * 3


@dataclass
class Row:
    """One line of the result. CPU is in milliseconds for each operation, by process and summed by kind."""

    scenario: str
    concurrency: int
    operations: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: dict[str, int] = field(default_factory=dict)
    mean_bytes: float = 0.0
    cpu_services_ms: float | None = None
    cpu_engines_ms: float | None = None
    cpu_generator_ms: float = 0.0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Meter:
    """CPU seconds spent inside a `with metered(...)`."""

    generator: float = 0.0
    by_process: dict[str, float] = field(default_factory=dict)


@contextmanager
def metered(processes: Processes) -> Iterator[Meter]:
    meter, own = Meter(), psutil.Process(os.getpid())
    before, own_before = processes.usage(), sum(own.cpu_times()[:2])
    yield meter
    own_after, after = sum(own.cpu_times()[:2]), processes.usage()
    meter.generator = own_after - own_before
    meter.by_process = {name: used.cpu_seconds - before[name].cpu_seconds for name, used in after.items()}


@dataclass(frozen=True)
class Bench:
    """One server under test, with the accounts that load it."""

    server: Server
    people: People
    processes: Processes
    seconds: float
    # How many are opened where streams are measured.
    sockets: int = 5_000
    # How many events a second arrive at them.
    rate: float = 200.0

    def post(self, account: Account) -> bytes:
        form = {"status": f"{secrets.token_hex(8)} {FILLER}", "visibility": "public"}
        return self.server.post("/api/v1/statuses", form, account.token)

    def home(self, account: Account, query: str = f"limit={PAGE}") -> bytes:
        return self.server.get(f"/api/v1/timelines/home?{query}", account.token)

    def row(
        self, scenario: str, concurrency: int, outcome: Outcome, meter: Meter, operations: int = 0, **notes: Any
    ) -> Row:
        """`operations` where it is not requests that are counted."""
        count = operations or outcome.done

        def each(seconds: float) -> float:
            return round(seconds * 1000 / count, 4) if count else 0.0

        spent = meter.by_process
        services, engines = self.processes.services, self.processes.engines
        return Row(
            scenario,
            concurrency,
            count,
            round(count / outcome.seconds, 1) if outcome.seconds else 0.0,
            round(outcome.percentile(0.5), 2),
            round(outcome.percentile(0.99), 2),
            dict(outcome.errors),
            round(outcome.mean_bytes),
            each(sum(spent[name] for name in services)) if services else None,
            each(sum(spent[name] for name in engines)) if engines else None,
            each(meter.generator),
            {name: each(seconds) for name, seconds in spent.items()},
            notes,
        )


async def idle(bench: Bench) -> dict[str, Usage]:
    """What each process holds and burns while nobody asks for anything; `cpu_seconds` is for each second."""
    await asyncio.sleep(SETTLE_SECONDS)
    before = bench.processes.usage()
    await asyncio.sleep(bench.seconds)
    after = bench.processes.usage()
    return {
        name: Usage((used.cpu_seconds - before[name].cpu_seconds) / bench.seconds, used.rss_mib, used.pss_mib)
        for name, used in after.items()
    }


async def posts(bench: Bench, concurrency: int) -> Row:
    """Posts acknowledged, by accounts that nobody follows: the cost of a write without its fan-out."""
    writers = bench.people.readers
    with metered(bench.processes) as meter:
        outcome = await closed_loop(
            bench.server, lambda n: bench.post(writers[n % len(writers)]), concurrency, bench.seconds
        )
    return bench.row("posts acknowledged", concurrency, outcome, meter)


async def follows(bench: Bench, concurrency: int) -> Row:
    """Readers follow one another and end it again, in turn: each request changes something, and is told of."""
    people = bench.people.readers

    def change(number: int) -> bytes:
        turn, place = divmod(number, len(people))
        other = people[(place + 1 + turn // 2 % (len(people) - 1)) % len(people)]
        verb = "unfollow" if turn % 2 else "follow"
        return bench.server.post(f"/api/v1/accounts/{other.id}/{verb}", {}, people[place].token)

    with metered(bench.processes) as meter:
        outcome = await closed_loop(bench.server, change, concurrency, bench.seconds)
    return bench.row("follows and their ends", concurrency, outcome, meter)


async def reads(bench: Bench, concurrency: int, *, with_writes: bool) -> Row:
    """Home reads of 20 posts by all readers in turn; with writes, while their author posts five times a second."""
    readers, notes = bench.people.readers, dict[str, Any]()

    async def read() -> Outcome:
        return await closed_loop(
            bench.server, lambda n: bench.home(readers[n % len(readers)]), concurrency, bench.seconds
        )

    with metered(bench.processes) as meter:
        if with_writes:
            async with paced(bench.server, lambda _: bench.post(bench.people.author), WRITES_PER_SECOND) as written:
                outcome = await read()
            notes = {"posts_beside": written.done, "post_errors": dict(written.errors)}
        else:
            outcome = await read()
    name = "home reads, with writes" if with_writes else "home reads"
    row = bench.row(name, concurrency, outcome, meter)
    row.notes.update(notes)
    return row


async def crowd(bench: Bench, concurrency: int) -> Row:
    """Homes read by all readers in turn, who post themselves: one post for every hundred reads."""
    readers = bench.people.readers

    def read(number: int) -> bytes:
        if number % READS_A_POST == 0:
            due.release()
        return bench.home(readers[number % len(readers)])

    due = asyncio.Semaphore(0)
    with metered(bench.processes) as meter:
        async with whenever(bench.server, due, lambda n: bench.post(readers[n * 7 % len(readers)])) as written:
            outcome = await closed_loop(bench.server, read, concurrency, bench.seconds)
    name = f"home reads, a post for {READS_A_POST}"
    return bench.row(name, concurrency, outcome, meter, posts_beside=written.done, post_errors=dict(written.errors))


async def seen(bench: Bench) -> Row:
    """From sending a post to a follower's home showing it, by asking for that home again and again."""
    outcome = Outcome()
    writer, reader = Connection(bench.server), Connection(bench.server)
    start = time.perf_counter()
    with metered(bench.processes) as meter:
        for _ in range(SEEN_POSTS):
            begun = time.perf_counter()
            status = (await writer.send(bench.post(bench.people.author))).json()
            follower = random.choice(bench.people.readers)
            if await _wait_until_seen(bench, reader, follower, {str(status["id"])}):
                outcome.milliseconds.append((time.perf_counter() - begun) * 1000)
            else:
                outcome.errors["not seen"] += 1
            await asyncio.sleep(max(0.0, begun + 1 / WRITES_PER_SECOND - time.perf_counter()))
    outcome.seconds = time.perf_counter() - start
    writer.close()
    reader.close()
    return bench.row("post seen by a follower", 1, outcome, meter, followers=len(bench.people.readers))


async def everyone(bench: Bench) -> Row:
    """One post, until it is in the home of every follower. Milliseconds are of each follower; the last is noted."""
    outcome = Outcome()
    with metered(bench.processes) as meter:
        start = time.perf_counter()
        connection = Connection(bench.server)
        status = (await connection.send(bench.post(bench.people.author))).json()
        connection.close()
        await _until_all_see(bench, bench.people.readers, {str(status["id"])}, start, outcome)
        outcome.seconds = time.perf_counter() - start
    return bench.row("post in every home", 1, outcome, meter, last_ms=round(max(outcome.milliseconds, default=0.0), 1))


async def deliveries(bench: Bench, concurrency: int) -> Row:
    """Posts as fast as they are taken, until a sample of followers has the last: an operation is a post in a home."""
    readers, ids, outcome, arrived = bench.people.readers, list[str](), Outcome(), Outcome()
    sample = random.sample(list(readers), min(SAMPLE, len(readers)))
    with metered(bench.processes) as meter:
        start = time.perf_counter()
        await _post_for(bench, concurrency, ids, outcome)
        acknowledged = time.perf_counter() - start
        await _until_all_see(bench, sample, {max(ids, key=int)} if ids else set(), start, arrived)
        outcome.seconds = time.perf_counter() - start
    outcome.errors += arrived.errors
    missing = await _missing(bench, sample[0], set(ids))
    operations, acknowledged = len(ids) * len(readers), round(acknowledged, 2)
    return bench.row(
        "deliveries",
        concurrency,
        outcome,
        meter,
        operations,
        posts=len(ids),
        acknowledged_s=acknowledged,
        missing=missing,
    )


async def fill(bench: Bench) -> None:
    """A page of posts in every reader's home, before anything is measured."""
    connection = Connection(bench.server)
    ids = {str((await connection.send(bench.post(bench.people.author))).json()["id"]) for _ in range(PAGE)}
    connection.close()
    outcome = Outcome()
    await _until_all_see(bench, bench.people.readers, ids, time.perf_counter(), outcome)
    if outcome.errors:
        raise TimeoutError(f"{outcome.errors['not seen']} homes did not fill within {SEEN_WITHIN_SECONDS:.0f} s")


async def _post_for(bench: Bench, concurrency: int, ids: list[str], outcome: Outcome) -> None:
    end = time.perf_counter() + bench.seconds

    async def write() -> None:
        connection = Connection(bench.server)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            answer = await connection.send(bench.post(bench.people.author))
            if answer.status == 200:
                outcome.milliseconds.append((time.perf_counter() - begun) * 1000)
                ids.append(str(answer.json()["id"]))
            else:
                outcome.errors[str(answer.status)] += 1
        connection.close()

    await asyncio.gather(*(write() for _ in range(concurrency)))


async def _until_all_see(
    bench: Bench, readers: Sequence[Account], ids: set[str], start: float, outcome: Outcome
) -> None:
    todo = iter(readers)

    async def ask() -> None:
        connection = Connection(bench.server)
        for reader in todo:
            if await _wait_until_seen(bench, connection, reader, ids):
                outcome.milliseconds.append((time.perf_counter() - start) * 1000)
            else:
                outcome.errors["not seen"] += 1
        connection.close()

    await asyncio.gather(*(ask() for _ in range(ASKING)))


async def _wait_until_seen(bench: Bench, connection: Connection, reader: Account, ids: set[str]) -> bool:
    end = time.perf_counter() + SEEN_WITHIN_SECONDS
    while time.perf_counter() < end:
        page = (await connection.send(bench.home(reader, f"limit={max(PAGE, len(ids))}"))).json()
        if ids <= {str(status["id"]) for status in page}:
            return True
        await asyncio.sleep(0.002)
    return False


async def _missing(bench: Bench, reader: Account, ids: set[str]) -> int:
    """How many of the ids a reader who pages back through home does not meet."""
    if not ids:
        return 0
    connection, oldest, left = Connection(bench.server), "", set(ids)
    lowest = min(map(int, ids))
    while left:
        page = (await connection.send(bench.home(reader, f"limit=40{oldest}"))).json()
        left -= {str(status["id"]) for status in page}
        if not page or int(page[-1]["id"]) <= lowest:
            break
        oldest = f"&max_id={page[-1]['id']}"
    connection.close()
    return len(left)


Scenario = Callable[[Bench], Awaitable[Row]]
SCENARIOS: dict[str, list[Scenario]] = {
    "posts": [partial(posts, concurrency=count) for count in (1, 8, 32)],
    "everyone": [everyone],
    "seen": [seen],
    "deliveries": [partial(deliveries, concurrency=8)],
    "reads": [partial(reads, concurrency=count, with_writes=False) for count in (1, 8, 32)],
    "mixed": [partial(reads, concurrency=count, with_writes=True) for count in (8, 32)],
}
