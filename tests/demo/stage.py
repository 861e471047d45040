"""What every scene needs: people with clients of their own, steps with their times, and waiting with an end."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mastodon import Mastodon, MastodonError
from rich.console import Console
from rich.table import Table

URL = os.environ.get("ROOKERY_URL", "http://127.0.0.1:8080").rstrip("/")
PASSWORD = "correct horse battery staple"  # made up, as the people are
PATIENCE_SECONDS = 20.0
SCOPES = ["read", "write", "follow", "push"]
MODERATION = ["admin:read", "admin:write"]
console = Console()


class DemoError(Exception):
    """The demo can't go on; says why in words for the person at the terminal."""


@dataclass(frozen=True)
class Person:
    """Someone signed up: through Mastodon.py, and by `call` where its API has no words for what they do."""

    name: str
    username: str
    account_id: str
    token: str
    api: Mastodon

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON that the platform answers. Raises httpx2.HTTPError."""
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx2.request(method, f"{URL}{path}", headers=headers, timeout=PATIENCE_SECONDS, **options)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class App:
    """A registered app, on which people sign up."""

    client_id: str
    client_secret: str

    def sign_up(self, name: str, scopes: list[str]) -> Person:
        """A new account, whose username begins with the name."""
        username = f"{name}_{secrets.token_hex(3)}"
        api = Mastodon(client_id=self.client_id, client_secret=self.client_secret, api_base_url=URL)
        token = api.create_account(username, PASSWORD, f"{username}@example.org", agreement=True, scopes=scopes)
        return Person(name, username, str(api.account_verify_credentials()["id"]), str(token), api)


@dataclass
class Steps:
    """What was done, and how long each step took."""

    rows: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times the block, and says that it is done; its errors become DemoError."""
        start = time.perf_counter()
        with console.status(name):
            try:
                yield
            except (MastodonError, httpx2.HTTPError, OSError) as error:
                raise DemoError(f"{name}: {error}") from error
        milliseconds = (time.perf_counter() - start) * 1000
        self.rows.append((name, milliseconds))
        console.print(f"[green]✓[/] {name} [dim]{milliseconds:,.0f} ms[/]", highlight=False)

    def table(self) -> Table:
        """All steps."""
        table = Table(title="How long each step took", title_justify="left", header_style="bold")
        table.add_column("step")
        table.add_column("ms", justify="right")
        for name, milliseconds in self.rows:
            table.add_row(name, f"{milliseconds:,.0f}")
        return table


def scene(title: str) -> None:
    """Announces what comes next."""
    console.print(f"\n[bold]{title}[/]")


def wait_for(done: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Until it is so. Raises DemoError when the time is over."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise DemoError(f"{what}: not within {seconds:.0f} s. The platform's logs say more: make logs")
        time.sleep(0.02)
