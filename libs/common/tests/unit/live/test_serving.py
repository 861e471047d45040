"""A stream of requests that name accounts, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from rookery_common.clock import SystemClock
from rookery_common.errors import InvalidArgument
from rookery_common.live import serving as module
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.serving import live_news
from rookery_common.live.streams import LiveStreams, News

BOB = 102


@dataclass(frozen=True)
class Request:
    subscribe_account_ids: Sequence[int] = ()
    unsubscribe_account_ids: Sequence[int] = ()


class Caller:
    """Says what it is told to, until None."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Request | None] = asyncio.Queue()

    def say(self, request: Request | None) -> None:
        self._said.put_nowait(request)

    async def requests(self) -> AsyncIterator[Request]:
        while (request := await self._said.get()) is not None:
            yield request


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
async def hub(streams: LiveStreams[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveHub[str, str]]:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    found = LiveHub(streams, as_sent, SystemClock())
    await found.start()
    await found.ready()
    yield found
    await found.stop()


async def test_a_stream_is_heard_at_once_beats_and_ends_with_its_requests(
    hub: LiveHub[str, str], streams: LiveStreams[str], caller: Caller
) -> None:
    async with asyncio.timeout(30), aclosing(live_news(hub, caller.requests())) as answers:
        assert await anext(answers) == ()
        caller.say(Request(subscribe_account_ids=[BOB]))
        assert await anext(answers) == ()
        await streams.publish([([BOB], "b")])
        while not (heard := [*await anext(answers)]):
            """A beat."""
        assert heard == [News([BOB], "b")]
        caller.say(Request(unsubscribe_account_ids=[BOB]))
        assert await anext(answers) == ()
        await streams.publish([([BOB], "too late")])
        caller.say(None)
        assert [news for answer in [each async for each in answers] for news in answer] == []


@pytest.mark.parametrize("account_ids", [[0], [-1], range(1, 10)])
async def test_a_stream_of_nobody_or_of_too_many_is_refused(
    hub: LiveHub[str, str], caller: Caller, monkeypatch: pytest.MonkeyPatch, account_ids: Sequence[int]
) -> None:
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 3)
    caller.say(Request(subscribe_account_ids=account_ids))
    async with aclosing(live_news(hub, caller.requests())) as answers:
        with pytest.raises(InvalidArgument):
            async for _ in answers:
                pass


async def test_a_stream_that_is_cut_is_forgotten(hub: LiveHub[str, str], caller: Caller) -> None:
    caller.say(Request(subscribe_account_ids=[BOB]))
    async with aclosing(live_news(hub, caller.requests())) as answers:
        await anext(answers)
        await anext(answers)
        (subscription,) = hub._subscriptions
        assert subscription.accounts == {BOB}
    assert (hub._subscriptions, subscription.accounts) == (set(), set())
