"""`make demo`: four people meet on a running platform, through Mastodon.py as any app would use it."""

from __future__ import annotations

import html
import io
import math
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import httpx2
from mastodon import Mastodon, MastodonError, StreamListener
from PIL import Image, ImageDraw
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

URL = os.environ.get("ROOKERY_URL", "http://127.0.0.1:8080").rstrip("/")
PASSWORD = "correct horse battery staple"  # made up, as the people are
PATIENCE_SECONDS = 20.0
console = Console()


class DemoError(Exception):
    """The demo can't go on; says why in words for the person at the terminal."""


@dataclass
class Steps:
    """What was done, and how long each step took."""

    rows: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        with console.status(name):
            try:
                yield
            except (MastodonError, httpx2.HTTPError) as error:
                raise DemoError(f"{name}: {error}") from error
        self.rows.append((name, (time.perf_counter() - start) * 1000))
        console.print(f"[green]✓[/] {name}")

    def table(self) -> Table:
        table = Table(title="How long each step took", title_justify="left", header_style="bold")
        table.add_column("step")
        table.add_column("ms", justify="right")
        for name, milliseconds in self.rows:
            table.add_row(name, f"{milliseconds:,.0f}")
        return table


@dataclass(frozen=True)
class Person:
    name: str
    account_id: str
    api: Mastodon


class Arrivals(StreamListener):
    """Ids of posts in the order in which a stream brings them."""

    def __init__(self) -> None:
        self.ids: SimpleQueue[str] = SimpleQueue()

    def on_update(self, status: Any) -> None:
        self.ids.put(str(status["id"]))


def sign_up(name: str, client_id: str, client_secret: str) -> Person:
    username = f"{name}_{secrets.token_hex(3)}"
    api = Mastodon(client_id=client_id, client_secret=client_secret, api_base_url=URL)
    api.create_account(username, PASSWORD, f"{username}@example.org", agreement=True)
    return Person(name, str(api.account_verify_credentials()["id"]), api)


def picture() -> bytes:
    """A JPEG drawn here: rooks over hills in the evening."""
    width, height = 960, 600
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        share = y / height
        draw.line([(0, y), (width, y)], fill=(int(40 + 200 * share), int(50 + 100 * share), int(110 - 40 * share)))
    draw.ellipse([640, 300, 780, 440], fill="#ffe9a8")
    for shade, base, wave in (("#5a3d5c", 430, 60), ("#3a2a45", 490, 40), ("#1d1826", 540, 25)):
        hills = [(x, base + wave * math.sin(x / (2.2 * wave) + base)) for x in range(0, width + 8, 8)]
        draw.polygon([(0, height), *hills, (width, height)], fill=shade)
    for x, y, span in ((180, 150, 46), (280, 110, 34), (350, 190, 28), (470, 130, 40), (560, 220, 22)):
        draw.arc([x - span, y, x, y + span], 200, 340, fill="#141018", width=5)
        draw.arc([x, y, x + span, y + span], 200, 340, fill="#141018", width=5)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


def wait_for(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > end:
            raise DemoError(f"{what}: not within {PATIENCE_SECONDS:.0f} s. The platform's logs say more: make logs")
        time.sleep(0.02)


def meet(steps: Steps) -> list[Person]:
    with steps.step("an app registers"):
        client_id, client_secret = Mastodon.create_app("Rookery demo", api_base_url=URL)
    people = []
    for name in ("alice", "bob", "carol", "dan"):
        with steps.step(f"{name} signs up"):
            people.append(sign_up(name, client_id, client_secret))
    with steps.step("they follow each other (12 follows)"):
        for person in people:
            for other in people:
                if other is not person:
                    person.api.account_follow(other.account_id)
    return people


def talk(steps: Steps, people: list[Person]) -> list[str]:
    """Four posts; their ids."""
    alice, bob, carol, dan = people
    with steps.step("alice posts text"):
        hello = alice.api.status_post("Good evening, rookery! Who else is up in the elms? #firstpost")
    with steps.step("bob uploads a JPEG"):
        media = bob.api.media_post(picture(), mime_type="image/jpeg", description="Rooks over hills in the evening")
    with steps.step("bob posts it"):
        evening = bob.api.status_post("The view from up here.", media_ids=media)
    with steps.step("the JPEG is fetched as any reader would"):
        fetched = httpx2.get(evening["media_attachments"][0]["url"], timeout=PATIENCE_SECONDS)
        fetched.raise_for_status()
        Image.open(io.BytesIO(fetched.content)).verify()
    with steps.step("carol replies to alice"):
        reply = carol.api.status_reply(hello, "I am, and the hills are on fire.")
    arrivals = Arrivals()
    with steps.step("dan opens a stream"):
        stream = dan.api.stream_user(arrivals, run_async=True)
        wait_for(stream.is_receiving, "dan's stream")
    try:
        with steps.step("alice posts, and dan sees it arrive"):
            last = alice.api.status_post("Nobody asked for this one, and there it is.")
            wait_for_arrival(arrivals, str(last["id"]))
    finally:
        stream.close()
    return [str(status["id"]) for status in (hello, evening, reply, last)]


def wait_for_arrival(arrivals: Arrivals, status_id: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if arrivals.ids.get(timeout=0.5) == status_id:
                return
        except Empty:
            continue
    raise DemoError(f"dan's stream did not bring the post within {PATIENCE_SECONDS:.0f} s")


def home_of(person: Person) -> list[Any]:
    return list(person.api.timeline_home(limit=20))


def shows(person: Person, posts: list[str]) -> bool:
    return set(posts) <= {str(status["id"]) for status in home_of(person)}


def panel(person: Person, statuses: list[Any]) -> Panel:
    """One home timeline, newest first, as a reader sees it."""
    names = {status["account"]["id"]: status["account"]["username"] for status in statuses}
    table = Table.grid(padding=(0, 2))
    for status in statuses:
        text = escape(html.unescape(re.sub(r"<[^>]+>", "", status["content"])))
        lines = [text]
        if status["in_reply_to_account_id"]:
            lines.insert(0, f"[dim]↪ to @{names.get(status['in_reply_to_account_id'], 'someone')}[/]")
        for media in status["media_attachments"]:
            size = media["meta"]["original"]
            lines.append(f"[dim]▣ {size['width']} x {size['height']} {media['description']}[/]")
        table.add_row(
            f"[cyan]{status['created_at']:%H:%M:%S}[/]", f"[bold]@{names[status['account']['id']]}[/]", "\n".join(lines)
        )
    return Panel(table, title=f"{person.name}'s home", title_align="left", border_style="green")


def main() -> None:
    steps = Steps()
    people = meet(steps)
    posts = talk(steps, people)
    homes: dict[str, list[Any]] = {}
    with steps.step("each home has all four posts"):
        for person in people:
            wait_for(partial(shows, person, posts), f"{person.name}'s home")
    for person in people:
        with steps.step(f"{person.name} reads home"):
            homes[person.name] = home_of(person)
    console.print()
    for person in people:
        console.print(panel(person, homes[person.name]))
    console.print(steps.table())


if __name__ == "__main__":
    try:
        httpx2.get(f"{URL}/api/v2/instance", timeout=5).raise_for_status()
    except httpx2.HTTPError as error:
        console.print(f"[red]Rookery does not answer at {URL}[/] ({error}).")
        console.print("Start it with [bold]make run[/] or [bold]make up[/], or name another: ROOKERY_URL=… make demo")
        sys.exit(1)
    try:
        main()
    except DemoError as error:
        console.print(f"[red]✗[/] {error}")
        sys.exit(1)
