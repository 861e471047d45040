"""A feed service whose answers each test gives, behind a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from rookery.feed.v1 import feed_service_pb2_grpc
from rookery_common.rpc import RpcClient, RpcServer
from rookery_common.testing.rpc import Network, Tokens

Behaviour = Callable[[Any, Any], Any]


class Feed(feed_service_pb2_grpc.FeedServiceServicer):
    """Answers as the test says."""

    def __init__(self, **behaviours: Behaviour) -> None:
        self._behaviours = behaviours

    async def BatchGetHome(self, request: Any, context: Any) -> Any:
        return await self._behaviours["BatchGetHome"](request, context)

    async def AddOwnPost(self, request: Any, context: Any) -> Any:
        return await self._behaviours["AddOwnPost"](request, context)

    async def StreamTimelines(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for response in self._behaviours["StreamTimelines"](request_iterator, context):
            yield response


class FeedNetwork(Network):
    """Servers of that service, and clients of it."""

    async def serve_feed(self, behaviours: dict[str, Behaviour], **options: Any) -> RpcServer:
        registration = (
            feed_service_pb2_grpc.add_FeedServiceServicer_to_server,
            Feed(**behaviours),  # type: ignore[abstract]  # what it has not is UNIMPLEMENTED
            "rookery.feed.v1.FeedService",
        )
        return await self.serve(registration, **options)

    async def feed_client(self, port: int, **options: Any) -> RpcClient:
        return await self.client(port, feed_service_pb2_grpc.FeedServiceStub, service="feed", **options)

    async def pair(self, **behaviours: Behaviour) -> RpcClient:
        """A client of a server with these behaviours."""
        return await self.feed_client((await self.serve_feed(behaviours)).port)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest_asyncio.fixture
async def network(tokens: Tokens) -> AsyncIterator[FeedNetwork]:
    async with AsyncExitStack() as stack:
        yield FeedNetwork(stack, tokens.verifier)
