"""Only so many wait for one service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rookery.feed.v1.feed_service_pb2 import AddOwnPostRequest, AddOwnPostResponse
from rookery.feed.v1.feed_service_pb2_grpc import FeedServiceStub
from rookery_common.rpc import Bulkhead, RpcClient
from rookery_common.rpc.bulkhead import DependencyBusy
from rookery_common.testing.rpc import settings_of


def test_as_many_wait_as_may_and_the_next_does_not() -> None:
    most = 2
    bulkhead = Bulkhead("feed", lambda: most)
    with bulkhead, bulkhead, pytest.raises(DependencyBusy), bulkhead:
        pass
    with bulkhead:
        most = 1
        with pytest.raises(DependencyBusy), bulkhead:
            pass


def test_many_who_wait_together_count_each() -> None:
    bulkhead = Bulkhead("feed", lambda: 3)
    with bulkhead.of_many(3), pytest.raises(DependencyBusy), bulkhead:
        pass
    with bulkhead, bulkhead.of_many(3), pytest.raises(DependencyBusy), bulkhead.of_many(1):
        pass
    with pytest.raises(ValueError, match="ends"), bulkhead.of_many(9):
        raise ValueError("it ends however it ends")
    with bulkhead:
        pass


async def test_a_service_that_hangs_is_asked_no_further(network: Any) -> None:
    go_on = asyncio.Event()

    async def hang(request: Any, context: Any) -> AddOwnPostResponse:
        await go_on.wait()
        return AddOwnPostResponse()

    server = await network.serve_feed({"AddOwnPost": hang})
    target = f"127.0.0.1:{server.port}"
    bulkhead = Bulkhead("feed", lambda: 3)
    client = RpcClient(settings_of("gateway"), target, FeedServiceStub, service="feed", bulkhead=bulkhead)
    await client.start()
    waiting = [asyncio.create_task(client.call("AddOwnPost", AddOwnPostRequest(), timeout=30)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(DependencyBusy):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=30)
    go_on.set()
    await asyncio.gather(*waiting)
    assert await client.call("AddOwnPost", AddOwnPostRequest(), timeout=30)
    await client.stop()
