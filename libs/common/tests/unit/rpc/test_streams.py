"""Streams between a real client and a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rookery.feed.v1.feed_service_pb2 import StreamTimelinesRequest, StreamTimelinesResponse
from rookery_common.auth import current_identity
from rookery_common.errors import NotFound, PermissionDenied, Unavailable
from rookery_common.rpc.server import GRACE_SECONDS
from rookery_common.testing.rpc import Tokens, settings_of


async def requests(*account_ids: int) -> AsyncIterator[StreamTimelinesRequest]:
    for account_id in account_ids:
        yield StreamTimelinesRequest(subscribe_account_ids=[account_id])


async def echo(incoming: AsyncIterator[StreamTimelinesRequest], context: Any) -> AsyncIterator[StreamTimelinesResponse]:
    async for request in incoming:
        response = StreamTimelinesResponse()
        response.updates.add(account_ids=request.subscribe_account_ids)
        yield response


async def forever(incoming: Any, context: Any) -> AsyncIterator[StreamTimelinesResponse]:
    yield StreamTimelinesResponse()
    await asyncio.sleep(60)


async def test_a_stream_carries_messages_both_ways(network: Any) -> None:
    client = await network.pair(StreamTimelines=echo)
    seen = [response.updates[0].account_ids[0] async for response in client.stream("StreamTimelines", requests(1, 2))]
    assert seen == [1, 2]


async def test_a_stream_knows_its_caller(network: Any, tokens: Tokens) -> None:
    async def whoami(incoming: Any, context: Any) -> AsyncIterator[StreamTimelinesResponse]:
        identity = current_identity()
        response = StreamTimelinesResponse()
        response.updates.add(author_id=identity.account_id if identity else 0)
        yield response

    client = await network.pair(StreamTimelines=whoami)
    stream = client.stream("StreamTimelines", requests(), identity=tokens.identity(42))
    assert [response.updates[0].author_id async for response in stream] == [42]


async def test_a_stream_s_error_arrives_as_what_it_is(network: Any) -> None:
    async def fail(incoming: Any, context: Any) -> AsyncIterator[StreamTimelinesResponse]:
        yield StreamTimelinesResponse()
        raise NotFound("Gone.")

    client = await network.pair(StreamTimelines=fail)
    stream = client.stream("StreamTimelines", requests())
    await anext(stream)
    with pytest.raises(NotFound):
        await anext(stream)


async def test_a_silent_stream_counts_as_dead(network: Any) -> None:
    client = await network.pair(StreamTimelines=forever)
    stream = client.stream("StreamTimelines", requests(), silence=1.0)
    await anext(stream)
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_a_stream_is_refused_to_a_service_that_is_not_listed(network: Any) -> None:
    server = await network.serve_feed({"StreamTimelines": forever}, allowed_callers={"*": frozenset({"gateway"})})
    client = await network.feed_client(server.port, settings=settings_of("search"))
    with pytest.raises(PermissionDenied):
        await anext(client.stream("StreamTimelines", requests()))


@pytest.mark.parametrize("parts", range(1, 20))
async def test_a_refusal_is_told_while_the_caller_still_writes(network: Any, parts: int) -> None:
    server = await network.serve_feed({"StreamTimelines": forever}, allowed_callers={"*": frozenset({"gateway"})})
    client = await network.feed_client(server.port, settings=settings_of("search"))
    for _ in range(40):
        with pytest.raises(PermissionDenied):
            await anext(client.stream("StreamTimelines", requests(*range(parts))))


async def test_streams_end_at_once_when_the_server_drains(network: Any) -> None:
    server = await network.serve_feed({"StreamTimelines": forever})
    client = await network.feed_client(server.port)
    stream = client.stream("StreamTimelines", requests())
    await anext(stream)
    stopping = asyncio.create_task(server.stop())
    with pytest.raises(Unavailable):
        await asyncio.wait_for(anext(stream), GRACE_SECONDS / 2)
    await asyncio.wait_for(stopping, GRACE_SECONDS)


async def test_leaving_a_stream_ends_it_at_the_server(network: Any) -> None:
    ended = asyncio.Event()

    async def watch(incoming: Any, context: Any) -> AsyncIterator[StreamTimelinesResponse]:
        try:
            yield StreamTimelinesResponse()
            await asyncio.sleep(60)
        finally:
            ended.set()

    client = await network.pair(StreamTimelines=watch)
    stream = client.stream("StreamTimelines", requests())
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(ended.wait(), 30)
