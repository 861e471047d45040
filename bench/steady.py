"""A steady, mixed load of every service: `steady.py URL RATE`. Standard library only, since it also runs in pods.

Each second it prints a line of JSON: how many requests were answered, how many failed and why, and how slow they
were. The rate is read again each second from a file, so that it can be changed meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rookery_bench.client import ApiError, Connection, Server
from rookery_bench.people import Account, People, follow, sign_up

PEOPLE = 8
CONNECTIONS_AT_MOST = 200
RATE_FILE = Path("/tmp/rate")  # noqa: S108 - the pod's own, and the only place where it may write


def _post_json(server: Server, path: str, body: object, token: str) -> bytes:
    text = json.dumps(body).encode()
    head = server.get(path, token).replace(b"GET ", b"POST ", 1).removesuffix(b"\r\n")
    return head + f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text


class Mix:
    """The requests in turn: reads of every kind, and writes among them."""

    def __init__(self, server: Server, people: Sequence[Account], conversation: str) -> None:
        self._server = server
        self._people = people
        self._conversation = conversation

    def request(self, number: int) -> tuple[str, bytes]:
        """Its name and its bytes."""
        server, token = self._server, self._people[number % len(self._people)].token
        author = self._people[0]
        writes = {
            0: ("post", "/api/v1/statuses", {"status": f"Load {number}"}, author.token),
            20: ("message", f"{self._conversation}/messages", {"text": f"Load {number}"}, author.token),
            30: ("report", "/api/v1/reports", {"account_id": author.id, "comment": "load"}, self._people[1].token),
        }
        if number % 40 in writes:
            name, path, body, owner = writes[number % 40]
            return name, _post_json(server, path, body, owner)
        reads = (
            ("home", "/api/v1/timelines/home?limit=20"),
            ("notifications", "/api/v1/notifications?limit=10"),
            ("search", "/api/v2/search?q=load&limit=5"),
            ("conversations", "/api/rookery/v1/conversations?limit=5"),
            ("account", f"/api/v1/accounts/{author.id}/statuses?limit=5"),
            ("home", "/api/v1/timelines/home?limit=20"),
            ("credentials", "/api/v1/accounts/verify_credentials"),
            ("app", "/api/v1/apps/verify_credentials"),
        )
        name, path = reads[number % len(reads)]
        return name, server.get(path, token)


class Second:
    """What was answered within one second."""

    def __init__(self) -> None:
        self.ok = 0
        self.failures: Counter[str] = Counter()
        self.milliseconds: list[float] = []

    def line(self, moment: float, rate: float) -> str:
        ordered = sorted(self.milliseconds) or [0.0]
        return json.dumps(
            {
                "time": round(moment, 1),
                "rate": rate,
                "ok": self.ok,
                "failed": sum(self.failures.values()),
                "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
                "failures": dict(self.failures),
            }
        )


class Load:
    """Requests at a steady rate, each sent when it is due whether the last was answered or not."""

    def __init__(self, server: Server, mix: Mix) -> None:
        self._server = server
        self._mix = mix
        self._idle: list[Connection] = []
        self._running: set[asyncio.Task[None]] = set()
        self._second = Second()

    async def run(self, rate: float) -> None:
        """Until the process is stopped."""
        due = time.monotonic()
        printed = due
        for number in range(1 << 62):
            due = max(due + 1 / rate, time.monotonic() - 1)
            await asyncio.sleep(due - time.monotonic())
            if len(self._running) < CONNECTIONS_AT_MOST:
                task = asyncio.create_task(self._one(number))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            else:
                self._second.failures["not sent: too many are unanswered"] += 1
            if time.monotonic() - printed >= 1:
                printed = time.monotonic()
                sys.stdout.write(self._second.line(time.time(), rate) + "\n")
                sys.stdout.flush()
                self._second, rate = Second(), _rate(rate)

    async def _one(self, number: int) -> None:
        name, request = self._mix.request(number)
        connection = self._idle.pop() if self._idle else Connection(self._server)
        start = time.perf_counter()
        try:
            (await connection.send(request)).json()
        except ApiError as error:
            self._second.failures[f"{name}: {error}"] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            # A connection that broke is not used again.
            connection.close()
            self._second.failures[f"{name}: {type(error).__name__} {error}"] += 1
            return
        else:
            self._second.ok += 1
            self._second.milliseconds.append((time.perf_counter() - start) * 1000)
        self._idle.append(connection)


def _rate(before: float) -> float:
    try:
        return float(RATE_FILE.read_text())
    except (OSError, ValueError):
        return before


async def _converse(server: Server, people: Sequence[Account]) -> str:
    connection = Connection(server)
    request = _post_json(server, "/api/rookery/v1/conversations", {"member_ids": [people[1].id]}, people[0].token)
    answer = await connection.send(request)
    connection.close()
    return f"/api/rookery/v1/conversations/{answer.json()['id']}"


async def main(url: str, rate: float) -> None:
    server = Server(url)
    people = await sign_up(server, PEOPLE, lambda: None)
    await follow(server, People(people[0], people[1:]), 1, lambda: None)
    conversation = await _converse(server, people)
    await Load(server, Mix(server, people, conversation)).run(rate)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
