"""A profile's links are verified by the pages they lead to, which are on a server of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest_asyncio

from rookery_common.clients.postgres import Postgres
from rookery_common.clients.web import Web
from rookery_common.config import WebSettings
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from user_service.consumers import LinkEventsHandler
from user_service.events import Events
from user_service.models import ProfileField
from user_service.profiles.links import LinkChecks
from user_service.profiles.models import ProfileChange
from user_service.profiles.repository import ProfileRepository
from user_service.profiles.service import Profiles

if TYPE_CHECKING:
    from tests.conftest import World

OWN = "https://rookery.example/@alice"


@dataclass
class Site:
    """Pages by path; what is not among them is not found."""

    pages: dict[str, str] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.visits.append(path)
        status, page = ("200 OK", self.pages[path]) if path in self.pages else ("404 Not Found", "")
        head = f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {len(page)}\r\n\r\n"
        writer.write((head + page).encode())
        writer.close()


@dataclass
class Checking:
    """The service's two ends: profiles change, and each event of it is handled, and handled again."""

    profiles: Profiles
    handler: LinkEventsHandler
    outbox: PostgresOutbox
    producer: FakeProducer

    async def change(self, account_id: int, *links: str) -> tuple[ProfileField, ...]:
        pairs = tuple((f"Link {number}", link) for number, link in enumerate(links))
        await self.profiles.update(account_id, ProfileChange(fields=pairs))
        handled = 0
        while handled < len(self.producer.sent) or not handled:
            await self.outbox.drain()
            for event in self.producer.sent[handled:]:
                await self.handler(event)
                await self.handler(event)
                handled += 1
            await self.outbox.drain()
        return (await self.profiles.get(account_id)).account.fields


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with await asyncio.start_server(site.serve, "127.0.0.1", 0) as server:
        site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield site


@pytest_asyncio.fixture
async def checking(
    pg: Postgres, outbox: PostgresOutbox, producer: FakeProducer, real_world: World, clock: FakeClock
) -> AsyncIterator[Checking]:
    repository, events, caches = ProfileRepository(pg, outbox), Events(clock), real_world.service._caches
    web = Web(WebSettings(web_networks="127.0.0.1/32"), user_agent="Rookery")
    links = LinkChecks(repository, caches, events, clock, web, "https://rookery.example")
    profiles = Profiles(repository, caches, events, clock, FakeIds())
    yield Checking(profiles, LinkEventsHandler(links), outbox, producer)
    await web.stop()


async def test_what_links_back_is_verified_and_nothing_else(
    checking: Checking, site: Site, real_world: World, clock: FakeClock
) -> None:
    alice = await real_world.sign_up("alice")
    site.pages = {"/mine": f'<a rel="me" href="{OWN}">', "/other": f'<a href="{OWN}">'}
    links = (f"{site.url}/mine", f"{site.url}/other", f"{site.url}/missing", "http://10.0.0.1/")
    lines = await checking.change(alice, *links)
    assert [line.verified_at for line in lines] == [clock.now(), None, None, None]
    views = await real_world.service.account_views([alice])
    assert views[alice].version == (await checking.profiles.get(alice)).account.version == 3


async def test_what_is_verified_stays_so_and_is_not_asked_again(
    checking: Checking, site: Site, real_world: World, clock: FakeClock
) -> None:
    alice = await real_world.sign_up("alice")
    site.pages = {"/mine": f'<link rel="me" href="{OWN}">'}
    (first,) = await checking.change(alice, f"{site.url}/mine")
    clock.advance(60)
    site.pages, site.visits = {}, []
    again, _ = await checking.change(alice, f"{site.url}/mine", "some text")
    assert again.verified_at == first.verified_at
    assert site.visits == []


async def test_a_page_that_was_away_is_asked_after_the_next_change(
    checking: Checking, site: Site, real_world: World
) -> None:
    alice = await real_world.sign_up("alice")
    assert [line.verified_at for line in await checking.change(alice, f"{site.url}/mine")] == [None]
    site.pages = {"/mine": f'<a rel="me" href="{OWN}">'}
    lines = await checking.change(alice, f"{site.url}/mine", "some text")
    assert lines[0].verified_at is not None
