"""The hub between the streams in Redis and those of the gateway, and what announces on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.live import hub as module
from rookery_common.live.announcer import Announcer
from rookery_common.live.hub import LiveHub, Subscription, as_sent
from rookery_common.live.streams import LiveStreams, Message, News, Position, live_shard

BOB, CAROL = 102, 103


class Loader:
    """Loads what streams carry, unless told not to."""

    def __init__(self) -> None:
        self.is_away = False
        self.loaded: list[Sequence[str]] = []

    async def __call__(self, items: Sequence[str]) -> Sequence[str | None]:
        if self.is_away:
            raise Unavailable("the database is away")
        self.loaded.append(items)
        return [None if item == "unknown" else item.upper() for item in items]


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
async def hub(
    streams: LiveStreams[str], loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LiveHub[str, str]]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    found = LiveHub(streams, loader, SystemClock())
    await found.start()
    await found.ready()
    yield found
    await found.stop()


async def _taken(subscription: Subscription[str], count: int) -> list[News[str]]:
    found: list[News[str]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += await subscription.take(1)
    return found


async def test_a_stream_is_told_of_its_own_accounts(hub: LiveHub[str, str], streams: LiveStreams[str]) -> None:
    bobs, both = hub.open(), hub.open()
    bobs.add([BOB])
    both.add([BOB, CAROL])
    await streams.publish([([CAROL], "c"), ([BOB, 999], "b")])
    assert await _taken(bobs, 1) == [News([BOB], "B")]
    assert sorted((*news.account_ids, news.item) for news in await _taken(both, 2)) == [(BOB, "B"), (CAROL, "C")]


async def test_what_did_not_come_by_a_stream_is_told_as_if_it_had(hub: LiveHub[str, str]) -> None:
    bobs, both = hub.open(), hub.open()
    bobs.add([BOB])
    both.add([BOB, CAROL])
    assert hub.accounts() == {BOB, CAROL}
    hub.offer([], "nobody's")
    hub.offer([CAROL, 999], "c")
    hub.offer([BOB], None)
    assert await _taken(bobs, 1) == [News([BOB], None)]
    assert await _taken(both, 2) == [News([CAROL], "c"), News([BOB], None)]


async def test_what_nobody_listens_to_is_not_loaded(
    hub: LiveHub[str, str], streams: LiveStreams[str], loader: Loader
) -> None:
    first, second = hub.open(), hub.open()
    first.add([BOB])
    second.add([BOB])
    await streams.publish([([CAROL], "unheard"), ([BOB], "heard")])
    await _taken(first, 1)
    await _taken(second, 1)
    assert loader.loaded == [["heard"]]


async def test_accounts_that_were_left_and_streams_that_ended_are_told_of_nothing(
    hub: LiveHub[str, str], streams: LiveStreams[str]
) -> None:
    left, ended, last = hub.open(), hub.open(), hub.open()
    for subscription in (left, ended, last):
        subscription.add([BOB])
    left.remove([BOB])
    hub.close(ended)
    await streams.publish([([BOB], "b")])
    assert await _taken(last, 1)
    assert await left.take(0.01) == ()
    assert await ended.take(0.01) == ()


async def test_a_gap_in_the_sequence_is_told_in_its_place_to_the_accounts_concerned(
    hub: LiveHub[str, str], streams: LiveStreams[str]
) -> None:
    subscription = hub.open()
    others = [account_id for account_id in range(1, 50) if live_shard(account_id) != live_shard(BOB)]
    subscription.add([BOB, *others])
    await streams.publish([([BOB], "one")])
    await streams.publish([([BOB], "two")], lost=1)
    told = [news for news in await _taken(subscription, 3) if BOB in news.account_ids]
    assert told == [News([BOB], "ONE"), News([BOB], None), News([BOB], "TWO")]


async def test_what_cannot_be_loaded_is_a_gap(
    hub: LiveHub[str, str], streams: LiveStreams[str], loader: Loader
) -> None:
    subscription = hub.open()
    subscription.add([BOB])
    await streams.publish([([BOB], "unknown"), ([BOB], "known")])
    assert await _taken(subscription, 2) == [News([BOB], None), News([BOB], "KNOWN")]
    loader.is_away = True
    await streams.publish([([BOB], "known")])
    assert await _taken(subscription, 1) == [News([BOB], None)]


async def test_a_reader_that_is_too_slow_is_told_of_a_gap_instead(
    hub: LiveHub[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    subscription = hub.open()
    subscription.add([BOB])
    for number in range(4):
        subscription.offer(News([BOB], str(number)))
    assert await _taken(subscription, 1) == [News([BOB], None)]


async def test_the_hub_goes_on_where_it_was_when_redis_comes_back(
    hub: LiveHub[str, str], streams: LiveStreams[str], redis_away: Any
) -> None:
    subscription = hub.open()
    subscription.add([BOB])
    redis_away.is_away = True
    await asyncio.sleep(0.05)
    redis_away.is_away = False
    await streams.publish([([BOB], "b")])
    assert await _taken(subscription, 1) == [News([BOB], "B")]


async def test_what_redis_did_not_take_is_a_gap_once_it_is_back(
    hub: LiveHub[str, str], streams: LiveStreams[str], redis_away: Any
) -> None:
    announcer = Announcer(streams)
    subscription = hub.open()
    subscription.add([BOB])
    redis_away.is_away = True
    await announcer.tell([([BOB], "one"), ([BOB], "two")])
    redis_away.is_away = False
    await announcer.tell([([BOB], "three")])
    assert await _taken(subscription, 2) == [News([BOB], None), News([BOB], "THREE")]
    await announcer.tell([([BOB], "four")])
    assert await _taken(subscription, 1) == [News([BOB], "FOUR")]


async def test_a_hub_of_whole_items_tells_them_as_they_are_sent() -> None:
    assert await as_sent(["one", "two"]) == ["one", "two"]


async def test_while_nobody_listens_streams_are_read_seldom_and_who_begins_to_is_told_at_once(
    hub: LiveHub[str, str], streams: LiveStreams[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, read = list[object](), streams.read

    async def counted(positions: Mapping[int, Position]) -> list[Message[str]]:
        reads.append(positions)
        return await read(positions)

    monkeypatch.setattr(module, "REST_SECONDS", 60)
    monkeypatch.setattr(streams, "read", counted)
    await asyncio.sleep(0.05)
    before = len(reads)
    await asyncio.sleep(0.1)
    assert len(reads) == before
    subscription = hub.open()
    subscription.add([BOB])
    await streams.publish([([BOB], "b")])
    assert await _taken(subscription, 1) == [News([BOB], "B")]
    subscription.remove([BOB])
    await asyncio.sleep(0.05)
    before = len(reads)
    await asyncio.sleep(0.1)
    assert len(reads) == before


async def test_where_more_comes_than_a_read_takes_nobody_rests(
    hub: LiveHub[str, str], streams: LiveStreams[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_MESSAGES", 1)
    monkeypatch.setattr(module, "REST_SECONDS", 0.2)
    reads, read = list[int](), streams.read

    async def counted(positions: Mapping[int, Position]) -> list[Message[str]]:
        found = await read(positions)
        reads.append(len(found))
        return found

    await asyncio.sleep(0.05)
    monkeypatch.setattr(streams, "read", counted)
    monkeypatch.setattr(module, "REST_SECONDS", 60)
    await streams.publish([([BOB], "b")])
    await asyncio.sleep(0.5)
    assert reads == [1, 0], "once more after a full one, and then a rest"
