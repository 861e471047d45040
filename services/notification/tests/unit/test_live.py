"""The hub between the streams in Redis and those of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from notification_service.models import Kind, Notification
from notification_service.placement import live_shard
from notification_service.repository.live import LiveStreams
from notification_service.service import live as module
from notification_service.service.live import Gap, LiveHub, News, Subscription
from rookery_common.clock import SystemClock

BOB, CAROL = 102, 103


@pytest.fixture
async def hub(streams: LiveStreams, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveHub]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    found = LiveHub(streams, SystemClock())
    await found.start()
    await asyncio.sleep(0.05)
    yield found
    await found.stop()


def _told(number: int, recipient_id: int = BOB) -> Notification:
    return Notification(number, recipient_id, Kind.FOLLOW, 7, 0)


async def _taken(subscription: Subscription, count: int) -> list[News]:
    found: list[News] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += await subscription.take(1)
    return found


async def test_a_stream_is_told_of_its_own_accounts(hub: LiveHub, streams: LiveStreams) -> None:
    bobs, both = hub.open(), hub.open()
    bobs.add([BOB])
    both.add([BOB, CAROL])
    await streams.publish([_told(1, CAROL), _told(2, BOB)])
    assert await _taken(bobs, 1) == [_told(2, BOB)]
    assert set(await _taken(both, 2)) == {_told(1, CAROL), _told(2, BOB)}


async def test_accounts_that_were_left_and_streams_that_ended_are_told_of_nothing(
    hub: LiveHub, streams: LiveStreams
) -> None:
    left, ended, last = hub.open(), hub.open(), hub.open()
    for subscription in (left, ended, last):
        subscription.add([BOB])
    left.remove([BOB])
    hub.close(ended)
    await streams.publish([_told(1)])
    assert await _taken(last, 1)
    assert await left.take(0.01) == ()
    assert await ended.take(0.01) == ()


async def test_a_gap_in_the_sequence_is_told_to_the_accounts_concerned(hub: LiveHub, streams: LiveStreams) -> None:
    subscription = hub.open()
    others = [account_id for account_id in range(1, 50) if live_shard(account_id) != live_shard(BOB)]
    subscription.add([BOB, *others])
    await streams.publish([_told(1)])
    await _taken(subscription, 1)
    await streams.publish([_told(2)], lost=1)
    assert await _taken(subscription, 2) == [Gap([BOB]), _told(2)]


async def test_a_reader_that_is_too_slow_is_told_of_a_gap_instead(
    hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    subscription = hub.open()
    subscription.add([BOB])
    for number in range(4):
        subscription.offer(_told(number))
    assert await _taken(subscription, 1) == [Gap([BOB])]


async def test_the_hub_goes_on_where_it_was_when_redis_comes_back(
    hub: LiveHub, streams: LiveStreams, store: Any
) -> None:
    subscription = hub.open()
    subscription.add([BOB])
    store.away.add("state")
    await asyncio.sleep(0.05)
    store.away.clear()
    await streams.publish([_told(1)])
    assert await _taken(subscription, 1) == [_told(1)]
