"""The accounts of a run: signed up through the API and kept in a file, or given by whoever made them elsewhere."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rookery_bench.client import Connection, Server

SCOPES = "read write follow"
AT_ONCE = 4  # sign-ups hash passwords: more at once would only queue
FOLLOWING_AT_ONCE = 16
Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    token: str


@dataclass(frozen=True)
class People:
    """The first account writes, the others read what it writes."""

    author: Account
    readers: Sequence[Account]


def load(path: Path, count: int) -> list[Account]:
    """Up to `count` accounts of the file, which is a list of {"id", "token"}; none if there is no such file."""
    if not path.is_file():
        return []
    entries = json.loads(path.read_text())
    return [Account(str(entry["id"]), str(entry["token"])) for entry in entries[:count]]


def save(path: Path, accounts: Sequence[Account]) -> None:
    """Tokens are secrets, of made-up people though they be: the file is its owner's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps([asdict(account) for account in accounts], indent=1))


async def still_valid(server: Server, account: Account) -> bool:
    connection = Connection(server)
    answer = await connection.send(server.get("/api/v1/accounts/verify_credentials", account.token))
    connection.close()
    return answer.status == 200


async def sign_up(server: Server, count: int, advance: Advance) -> list[Account]:
    """New accounts, on one newly registered app; ApiError if the server refuses one."""
    connection = Connection(server)
    form = {"client_name": "bench", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": SCOPES}
    app = (await connection.send(server.post("/api/v1/apps", form))).json()
    grant = {
        "grant_type": "client_credentials",
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "scope": SCOPES,
    }
    app_token = (await connection.send(server.post("/oauth/token", grant))).json()["access_token"]
    connection.close()
    todo = iter(range(count))
    made: list[Account] = []

    async def worker() -> None:
        own = Connection(server)
        for _ in todo:
            made.append(await _sign_up_one(server, own, app_token))
            advance()
        own.close()

    await _all(worker, AT_ONCE)
    return made


async def _sign_up_one(server: Server, connection: Connection, app_token: str) -> Account:
    name = f"bench_{secrets.token_hex(6)}"
    form = {
        "username": name,
        "email": f"{name}@example.org",
        "password": secrets.token_hex(12),
        "agreement": "true",
        "locale": "en",
    }
    token = (await connection.send(server.post("/api/v1/accounts", form, app_token))).json()["access_token"]
    me = (await connection.send(server.get("/api/v1/accounts/verify_credentials", token))).json()
    return Account(str(me["id"]), str(token))


async def follow(server: Server, people: People, follows: int, advance: Advance) -> None:
    """Every reader follows the author and the readers next to them, as many as said; repeating it changes nothing."""
    readers = people.readers
    todo = iter(range(len(readers)))

    async def worker() -> None:
        own = Connection(server)
        for place in todo:
            around = [readers[(place + step) % len(readers)] for step in range(1, follows)]
            path, token = f"/api/v1/accounts/{readers[place].id}", readers[place].token
            following = (await own.send(server.get(path, token))).json()["following_count"]
            for other in [people.author, *around] if following < follows else []:
                (await own.send(server.post(f"/api/v1/accounts/{other.id}/follow", {}, token))).json()
            advance()
        own.close()

    await _all(worker, FOLLOWING_AT_ONCE)


async def _all(worker: Callable[[], Coroutine[None, None, None]], count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(worker())
