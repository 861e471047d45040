"""Many open streams at once, over real gRPC servers: what arrives is composed once, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway_service.compositions import Compositions
from gateway_service.connections import HOME_GAP, NOTIFICATION_GAP
from gateway_service.live import Live
from gateway_service.live_backlog import MAX_KEPT
from gateway_service.live_sources import Frame
from gateway_service.overload import MIN_FOR_ONE
from gateway_service.streams import USER
from rookery.feed.v1.feed_service_pb2 import TimelineUpdate
from rookery.post.v1 import post_pb2
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.testing.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, FIRST = 101, 201
KIND = TimelineUpdate.Kind


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    world.account(ALICE, "alice")


class Streams:
    """Open streams, as sockets hold them."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world, self._gateway = world, gateway
        self._compositions = Compositions()
        self.lives: list[tuple[Any, Live]] = []

    async def open(self, account_id: int, **identity: Any) -> Any:
        """One more stream of an account; answers its connection."""
        token = f"token-{len(self.lives)}"
        self._world.account(account_id, f"reader{account_id}")
        self._world.follow(account_id, ALICE)
        who = self._world.opaque[token] = self._world.tokens.identity(
            account_id, session_id=1000 + len(self.lives), **identity
        )
        gateway = self._gateway
        connection = gateway.hub.open(who)
        parts = (gateway.composer, self._compositions, gateway.clients, SystemClock())
        live = Live(connection, token, gateway.exchange, *parts)
        await live.open(USER)
        connection.streams.add(USER)
        self.lives.append((connection, live))
        return connection

    async def heard(self, number: int = 1) -> list[list[Frame]]:
        """So many frames of each."""
        return list(await asyncio.gather(*(self._heard(live, number) for _, live in self.lives)))

    async def _heard(self, live: Live, number: int) -> list[Frame]:
        frames: list[Frame] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(frames) < number:
                frames += await live.next(PATIENCE_SECONDS)
        return frames


@pytest.fixture
def streams(world: World, gateway: Gateway) -> Streams:
    return Streams(world, gateway)


def update(entry_id: int, kind: Any = KIND.KIND_UPDATE) -> TimelineUpdate:
    return TimelineUpdate(kind=kind, entry_id=entry_id, author_id=ALICE)


async def test_an_event_is_composed_once_for_all_streams_of_an_account(world: World, streams: Streams) -> None:
    world.forget_calls()
    told, arrived = world.tell(FIRST, 1, ALICE), update(world.post(11, ALICE))
    for connection in [await streams.open(FIRST) for _ in range(30)]:
        connection.offer(told)
        connection.offer(arrived)
    heard = await streams.heard(2)
    assert {tuple(frame.event for frame in frames) for frames in heard} == {("update", "notification")}
    assert len({id(frames[1].payload) for frames in heard}) == 1
    assert len(world.called("BatchGetPosts")) == len(world.called("GetPolicy")) == 1


async def test_streams_of_more_accounts_than_may_wait_for_a_service_lose_nothing(
    world: World, streams: Streams
) -> None:
    world.most = MIN_FOR_ONE
    accounts = range(FIRST, FIRST + 60)
    for account_id in accounts:
        for connection in [await streams.open(account_id) for _ in range(2)]:
            connection.offer(world.tell(account_id, account_id, ALICE))
    heard = await streams.heard()
    assert [json.loads(frames[0].payload)["id"] for frames in heard] == [str(each) for each in accounts for _ in "ab"]
    assert not any(connection.closed.done() for connection, _ in streams.lives)


async def test_tokens_that_may_not_read_the_same_are_not_shown_the_same(world: World, streams: Streams) -> None:
    told, arrived = world.tell(FIRST, 1, ALICE), update(world.post(11, ALICE))
    for connection in (await streams.open(FIRST), await streams.open(FIRST, scopes=["read:statuses"])):
        connection.offer(told)
        connection.offer(arrived)
    first, second = await streams.heard()
    assert [frame.event for frame in first] == ["update", "notification"]
    assert [frame.event for frame in second] == ["update"]


async def test_an_edit_right_after_a_post_is_shown_as_edited(world: World, streams: Streams) -> None:
    for connection in [await streams.open(FIRST) for _ in range(2)]:
        connection.offer(update(world.post(11, ALICE)))
    await streams.heard()
    world.posts[11].version, world.posts[11].text = 2, "Better"
    edited = update(11, KIND.KIND_STATUS_UPDATE)
    for connection, _ in streams.lives:
        connection.offer(edited)
    for (frame,) in await streams.heard():
        assert (frame.event, json.loads(frame.payload)["content"]) == ("status.update", "<p>Better</p>")


@pytest.mark.parametrize("away", ["BatchGetAccounts", "BatchGetRelationships", "GetPolicy", "BatchGetPosts"])
async def test_what_a_service_keeps_from_being_composed_comes_when_it_is_back(
    world: World, streams: Streams, away: str
) -> None:
    connection = await streams.open(FIRST)
    post_id = world.post(11, ALICE, visibility=post_pb2.VISIBILITY_PUBLIC)
    connection.offer(world.tell(FIRST, 1, ALICE, post_id=post_id))
    world.failures[away] = Unavailable("Restarting.")
    ((_, live),) = streams.lives
    assert await live.next(PATIENCE_SECONDS) == []
    assert await live.next(0) == []
    del world.failures[away]
    (frames,) = await streams.heard()
    assert [frame.event for frame in frames] == ["notification"]
    assert not connection.closed.done()


async def test_what_one_service_keeps_back_does_not_hold_up_the_rest(world: World, streams: Streams) -> None:
    connection = await streams.open(FIRST)
    world.failures["GetPolicy"] = Unavailable("Restarting.")
    connection.offer(world.tell(FIRST, 1, ALICE))
    connection.offer(update(world.post(11, ALICE)))
    (frames,) = await streams.heard()
    assert [frame.event for frame in frames] == ["update"]


async def test_while_nobody_can_say_whose_the_token_is_all_is_kept(
    world: World, gateway: Gateway, streams: Streams
) -> None:
    connection = await streams.open(FIRST)
    connection.offer(update(world.post(11, ALICE)))
    world.failures["ExchangeToken"] = Unavailable("Restarting.")
    ((_, live),) = streams.lives
    assert await live.next(PATIENCE_SECONDS) == []
    assert not world.called("BatchGetPosts")
    del world.failures["ExchangeToken"]
    (frames,) = await streams.heard()
    assert [frame.event for frame in frames] == ["update"]


async def test_of_more_than_is_kept_the_newest_page_is_read_instead(world: World, streams: Streams) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    connection = await streams.open(FIRST)
    world.entry(FIRST, world.post(later, ALICE))
    world.failures["BatchGetPosts"] = Unavailable("Restarting.")
    ((_, live),) = streams.lives
    for number in range(2):
        for entry_id in range(MAX_KEPT // 2 + 1):
            connection.offer(update(1 + number * MAX_KEPT + entry_id))
        assert await live.next(PATIENCE_SECONDS) == []
    del world.failures["BatchGetPosts"]
    (frames,) = await streams.heard()
    assert [(frame.event, frame.id) for frame in frames] == [("update", later)]


async def test_what_was_missed_reaches_each_stream_of_an_account(world: World, streams: Streams) -> None:
    later = lowest_id_at(SystemClock().unix_ms() + 60_000)
    world.entry(FIRST, world.post(later, ALICE))
    world.tell(FIRST, later, ALICE)
    for connection in [await streams.open(FIRST) for _ in range(10)]:
        connection.offer(HOME_GAP)
        connection.offer(NOTIFICATION_GAP)
    heard = await streams.heard(2)
    assert {tuple((frame.event, frame.id) for frame in frames) for frames in heard} == {
        (("update", later), ("notification", later))
    }
