"""Live delivery: likes that arrive at open WebSockets, while thousands of others are open too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from math import ceil

from rookery_bench.client import Connection
from rookery_bench.load import Outcome, paced
from rookery_bench.people import Account
from rookery_bench.scenarios import Bench, Row, metered
from rookery_bench.sockets import (
    BUFFER_BYTES,
    SOCKETS_PER_ACCOUNT,
    Socket,
    as_many_files_as_allowed,
    close_all,
    notifications,
    open_all,
)

# How long what was sent last may take.
LATE_SECONDS = 30.0
PAIR_PEOPLE = 2


@dataclass
class Likes:
    """Who likes which post, each pair once, and when it was sent."""

    people: Sequence[Account]
    posts: Sequence[Sequence[str]]
    sent: dict[tuple[str, str], float] = field(default_factory=dict)

    def at(self, number: int) -> tuple[Account, Account, str]:
        """The n-th: who likes, whose post, and which."""
        count = len(self.people)
        owner, turn = number % count, number // count
        liker = (owner + 1 + turn % (count - 1)) % count
        return self.people[liker], self.people[owner], self.posts[owner][turn // (count - 1) % len(self.posts[owner])]


@dataclass
class Arrivals:
    """What came in at all sockets, and whether that is all that was expected."""

    outcome: Outcome = field(default_factory=Outcome)
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    expected: int | None = None

    def add(self, milliseconds: float) -> None:
        self.outcome.milliseconds.append(milliseconds)
        self._check()

    async def missing(self, expected: int) -> int:
        """How many of so many did not come, after a while."""
        self.expected = expected
        self._check()
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_SECONDS):
                await self.complete.wait()
        return expected - self.outcome.done

    def _check(self) -> None:
        if self.expected is not None and self.outcome.done >= self.expected:
            self.complete.set()


async def live_sockets(bench: Bench) -> Row:
    """From sending a like to each open socket of the post's author having it, at a steady rate of likes."""
    opening, arrived = Outcome(), Arrivals()
    with as_many_files_as_allowed() as files:
        wanted = min(bench.sockets, SOCKETS_PER_ACCOUNT * len(bench.people.readers), files)
        sockets = await open_all(bench, wanted, opening, BUFFER_BYTES)
        held = _sockets_by_account(sockets)
        people = [reader for reader in bench.people.readers if reader.id in held]
        if len(people) < PAIR_PEOPLE:
            raise ValueError("live delivery needs two readers or more whose streams can be opened")
        likes = Likes(people, await _posts(bench, people))
        async with AsyncExitStack() as stack:
            stack.callback(close_all, sockets)
            listening = [asyncio.create_task(_listen(socket, likes, arrived)) for socket in sockets]
            row = await _measured(bench, likes, held, arrived)
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
    row.notes["not_opened"] = dict(opening.errors)
    return row


async def _measured(bench: Bench, likes: Likes, held: dict[str, int], arrived: Arrivals) -> Row:
    def like(number: int) -> bytes:
        liker, _, post_id = likes.at(number)
        likes.sent[liker.id, post_id] = time.perf_counter()
        return bench.server.post(f"/api/v1/statuses/{post_id}/favourite", {}, liker.token)

    start = time.perf_counter()
    with metered(bench.processes) as meter:
        async with paced(bench.server, like, bench.rate) as acknowledged:
            await asyncio.sleep(bench.seconds)
        spent = time.perf_counter() - start
    # Of those that were acknowledged: what was refused arrives nowhere.
    expected = sum(held[likes.at(number)[1].id] for number in range(acknowledged.done))
    missing = await arrived.missing(expected)
    outcome = arrived.outcome
    outcome.seconds, outcome.errors = spent, outcome.errors + acknowledged.errors
    usage = bench.processes.usage()
    return bench.row(
        "likes to open WebSockets",
        sum(held.values()),
        outcome,
        meter,
        likes=acknowledged.done,
        missing=missing,
        acknowledged_p99_ms=round(acknowledged.percentile(0.99), 1),
        gateway_cpu_percent=round(100 * meter.by_process.get("gateway", 0.0) / spent, 1),
        gateway_mib=round(usage["gateway"].rss_mib) if "gateway" in usage else None,
    )


async def _listen(socket: Socket, likes: Likes, arrived: Arrivals) -> None:
    async for told in notifications(socket):
        if told.get("type") == "favourite":
            begun = likes.sent.get((str(told["account"]["id"]), str(told["status"]["id"])))
            if begun is not None:
                arrived.add((time.perf_counter() - begun) * 1000)


async def _posts(bench: Bench, people: Sequence[Account]) -> list[list[str]]:
    """As many of each as it takes for nobody to like one twice."""
    each = ceil(bench.rate * bench.seconds * 2 / (len(people) * (len(people) - 1)))
    connection = Connection(bench.server)
    made = [[str((await connection.send(bench.post(person))).json()["id"]) for _ in range(each)] for person in people]
    connection.close()
    return made


def _sockets_by_account(sockets: Sequence[Socket]) -> dict[str, int]:
    held: dict[str, int] = {}
    for socket in sockets:
        held[socket.account.id] = held.get(socket.account.id, 0) + 1
    return held
