"""The service behind real gRPC, over the same stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from post_service.events import PostCodec
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.list_posts import AccountPosts
from post_service.service.media import MediaLibrary
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from post_service.service.threads import ThreadReader
from post_service.servicer import ALLOWED_CALLERS, PostServicer, Rules
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub, add_PostServiceServicer_to_server
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def rules(
    writer: PostWriter,
    remover: PostRemover,
    reader: PostReader,
    account_posts: AccountPosts,
    threads: ThreadReader,
    engagement: Engagement,
    reblogger: Reblogger,
    library: MediaLibrary,
) -> Rules:
    return Rules(writer, remover, reader, account_posts, threads, engagement, reblogger, library)


@pytest_asyncio.fixture
async def clients(
    rules: Rules,
    codec: PostCodec,
    tokens: Tokens,
) -> AsyncIterator[dict[str, RpcClient]]:
    """The service behind real gRPC, as gateway, feed and search call it."""
    servicer = PostServicer(rules, codec, tokens.verifier)
    registration = (add_PostServiceServicer_to_server, servicer, "rookery.post.v1.PostService")
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        server = await network.serve(registration, settings=settings_of("post"), allowed_callers=ALLOWED_CALLERS)
        yield {
            name: await network.client(server.port, PostServiceStub, service="post", settings=settings_of(name))
            for name in ("gateway", "feed", "search")
        }
