"""Announcements on live streams: as they are to whoever listens, asked for many at once, and the newest alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from gateway_service.announcement_news import ACCOUNTS_PER_CALL, TOPIC, AnnouncementNews
from gateway_service.streams import DIRECT, USER
from rookery.moderation.v1.announcement_service_pb2 import Announcement, AnnouncementContent, AnnouncementReader
from rookery.moderation.v1.events_pb2 import (
    AnnouncementListed,
    AnnouncementReactionCount,
    AnnouncementReactionsChanged,
    AnnouncementUnlisted,
)
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.kafka.events import new_event
from rookery_common.testing.golden import golden
from rookery_common.testing.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, NEWS = 101, 102, 7
BIRD = "\N{BIRD}"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob")):
        world.account(account_id, name)
        world.opaque[name] = world.tokens.identity(account_id, session_id=account_id)
    world.opaque["posts-only"] = world.tokens.identity(BOB, scopes=["read:statuses"])


@pytest_asyncio.fixture
async def news(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AnnouncementNews]:
    monkeypatch.setattr("gateway_service.announcement_news.FIRST_WAIT", 0.01)
    made = AnnouncementNews(gateway.hub, gateway.clients, gateway.composer, SystemClock())
    await made.start()
    yield made
    await made.stop()


def announce(world: World, text: str = "News", *, late_ms: int = 0) -> Announcement:
    made = Announcement(announcement_id=NEWS, content=AnnouncementContent(text=text, published=True))
    for moment in (made.create_time, made.update_time, made.publish_time):
        moment.FromMilliseconds(SystemClock().unix_ms() - late_ms)
    made.reactions.add(name=BIRD, count=2)
    world.announcements[NEWS] = made
    return made


async def tell(news: AnnouncementNews, message: Any) -> None:
    await news.handle(new_event(TOPIC, str(NEWS), message, version=1, clock=SystemClock(), source="moderation"))


async def listed(news: AnnouncementNews) -> None:
    await tell(news, AnnouncementListed(announcement_id=NEWS))


def socket(address: str, token: str, more: str = "") -> Any:
    return connect(f"ws://{address}/api/v1/streaming?stream=user&access_token={token}{more}")


async def received(websocket: ClientConnection) -> tuple[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await websocket.recv())
    assert frame["stream"] == ["user"]
    return frame["event"], json.loads(frame["payload"])


async def all_listen(gateway: Gateway, count: int) -> None:
    await eventually(lambda: len(gateway.hub.listeners(USER)) == count)


async def test_each_is_shown_it_as_it_is_to_them(
    world: World, gateway: Gateway, news: AnnouncementNews, address: str
) -> None:
    announce(world)
    world.readers = [AnnouncementReader(account_id=BOB, read=True, reactions=[BIRD])]
    async with socket(address, "alice") as alices, socket(address, "bob") as bobs, socket(address, "bob") as another:
        await all_listen(gateway, 3)
        await listed(news)
        (event, alice), (_, bob), (_, same) = [await received(each) for each in (alices, bobs, another)]
    assert (event, alice["id"], alice["content"], alice["read"]) == ("announcement", str(NEWS), "<p>News</p>", False)
    assert alice["reactions"] == [{"name": BIRD, "count": 2, "me": False}]
    assert bob == same == {**alice, "read": True, "reactions": [{"name": BIRD, "count": 2, "me": True}]}
    assert world.called("GetAnnouncementFor") == [[ALICE, BOB]]


async def test_counts_and_the_end_are_the_same_to_everybody(
    gateway: Gateway, news: AnnouncementNews, address: str
) -> None:
    number = 815917000000000001
    async with socket(address, "bob") as websocket:
        await all_listen(gateway, 1)
        for name in ("AnnouncementReactionsChanged", "AnnouncementUnlisted"):
            await news.handle(golden(TOPIC, name))
        frames = [await received(websocket) for _ in range(3)]
    assert frames == [
        ("announcement.reaction", {"name": BIRD, "count": 2, "announcement_id": str(number)}),
        ("announcement.reaction", {"name": "\N{HEAVY BLACK HEART}\ufe0f", "count": 0, "announcement_id": str(number)}),
        ("announcement.delete", number),
    ]


async def test_a_token_that_may_not_read_announcements_is_told_of_none(
    world: World, gateway: Gateway, news: AnnouncementNews, address: str
) -> None:
    announce(world)
    async with socket(address, "posts-only") as websocket, socket(address, "bob") as another:
        await all_listen(gateway, 2)
        await listed(news)
        assert (await received(another))[0] == "announcement"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await websocket.recv()


async def test_other_streams_are_told_nothing(gateway: Gateway, world: World, news: AnnouncementNews) -> None:
    reading = gateway.hub.open(world.opaque["bob"])
    gateway.hub.listen(reading, DIRECT)
    await tell(news, AnnouncementUnlisted(announcement_id=NEWS))
    assert await reading.wait(0) == []


async def test_very_many_are_asked_for_some_at_a_time(world: World, gateway: Gateway, news: AnnouncementNews) -> None:
    announce(world)
    connections = [gateway.hub.open(world.tokens.identity(1_000 + each)) for each in range(ACCOUNTS_PER_CALL + 1)]
    for connection in connections:
        connection.streams.add(USER)
    await listed(news)
    found = [await connection.wait(PATIENCE_SECONDS) for connection in connections]
    assert {len(items) for items in found} == {1}
    assert [len(accounts) for accounts in world.called("GetAnnouncementFor")] == [ACCOUNTS_PER_CALL, 1]


async def test_what_moderation_keeps_back_is_told_when_it_is_there_again(
    world: World, gateway: Gateway, news: AnnouncementNews, address: str
) -> None:
    announce(world, "Older")
    world.failures["GetAnnouncementFor"] = Unavailable("Restarting.")
    async with socket(address, "bob") as websocket:
        await all_listen(gateway, 1)
        await listed(news)
        await eventually(lambda: len(world.called("GetAnnouncementFor")) > 1)
        announce(world, "Newer")
        await listed(news)
        del world.failures["GetAnnouncementFor"]
        assert (await received(websocket))[1]["content"] == "<p>Newer</p>"
        await tell(news, AnnouncementUnlisted(announcement_id=NEWS))
        assert (await received(websocket))[0] == "announcement.delete"


async def test_what_is_withdrawn_meanwhile_is_not_told_after_its_end(
    world: World, gateway: Gateway, news: AnnouncementNews, address: str
) -> None:
    announce(world)
    world.failures["GetAnnouncementFor"] = Unavailable("Restarting.")
    async with socket(address, "bob") as websocket:
        await all_listen(gateway, 1)
        await listed(news)
        await eventually(lambda: bool(world.called("GetAnnouncementFor")))
        await tell(news, AnnouncementUnlisted(announcement_id=NEWS))
        del world.failures["GetAnnouncementFor"]
        world.announcements.clear()
        await listed(news)  # Late: it is not listed any more.
        await tell(news, reaction(3))
        assert [(await received(websocket))[0] for _ in range(2)] == ["announcement.delete", "announcement.reaction"]


def reaction(count: int) -> AnnouncementReactionsChanged:
    counts = [AnnouncementReactionCount(name=BIRD, count=count)]
    return AnnouncementReactionsChanged(announcement_id=NEWS, reactions=counts)


async def test_a_client_that_comes_back_is_told_what_was_announced_since(
    world: World, gateway: Gateway, address: str
) -> None:
    announce(world)
    seen = lowest_id_at(SystemClock().unix_ms() - 60_000)
    async with socket(address, "bob", f"&last_event_id={seen}") as websocket:
        event, shown = await received(websocket)
    assert (event, shown["id"]) == ("announcement", str(NEWS))
    announce(world, late_ms=120_000)
    async with socket(address, "bob", f"&last_event_id={seen}") as websocket:
        await all_listen(gateway, 1)
        await eventually(lambda: len(world.called("ListAnnouncements")) == 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await websocket.recv()
