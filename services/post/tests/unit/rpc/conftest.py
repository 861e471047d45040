"""The service behind real gRPC, over the same stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from post_service.draft_servicer import DraftServicer
from post_service.edit_servicer import EditServicer
from post_service.engagement_servicer import EngagementServicer
from post_service.events import PostCodec
from post_service.pin_servicer import PinServicer
from post_service.poll_servicer import PollServicer
from post_service.quote_servicer import QuoteServicer
from post_service.reply_servicer import ReplyServicer
from post_service.schedule_servicer import ScheduleServicer
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.engage import Engagement
from post_service.service.list_engaged import EngagedAccounts
from post_service.service.list_marked import MarkedPosts
from post_service.service.list_posts import AccountPosts
from post_service.service.list_voters import Voters
from post_service.service.media import MediaLibrary
from post_service.service.pins import Pins
from post_service.service.posts_of_authors import PostsOfAuthors
from post_service.service.quotes import Quotes
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from post_service.service.replies import Replies
from post_service.service.revisions import Revisions
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.threads import ThreadReader
from post_service.service.vote import Voting
from post_service.servicer import ALLOWED_CALLERS, PostServicer, Rules
from rookery.post.v1.draft_service_pb2_grpc import DraftServiceStub, add_DraftServiceServicer_to_server
from rookery.post.v1.edit_service_pb2_grpc import EditServiceStub, add_EditServiceServicer_to_server
from rookery.post.v1.engagement_service_pb2_grpc import (
    EngagementServiceStub,
    add_EngagementServiceServicer_to_server,
)
from rookery.post.v1.pin_service_pb2_grpc import PinServiceStub, add_PinServiceServicer_to_server
from rookery.post.v1.poll_service_pb2_grpc import PollServiceStub, add_PollServiceServicer_to_server
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub, add_PostServiceServicer_to_server
from rookery.post.v1.quote_service_pb2_grpc import QuoteServiceStub, add_QuoteServiceServicer_to_server
from rookery.post.v1.reply_service_pb2_grpc import ReplyServiceStub, add_ReplyServiceServicer_to_server
from rookery.post.v1.schedule_service_pb2_grpc import ScheduleServiceStub, add_ScheduleServiceServicer_to_server
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
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
    posts_of_authors: PostsOfAuthors,
    threads: ThreadReader,
    engagement: Engagement,
    reblogger: Reblogger,
    library: MediaLibrary,
) -> Rules:
    return Rules(writer, remover, reader, account_posts, posts_of_authors, threads, engagement, reblogger, library)


@pytest.fixture
def engagement_servicer(
    engagement: Engagement, marked_posts: MarkedPosts, engaged_accounts: EngagedAccounts
) -> EngagementServicer:
    return EngagementServicer(engagement, marked_posts, engaged_accounts)


@pytest.fixture
def edit_servicer(editor: PostEditor, history: Revisions, codec: PostCodec) -> EditServicer:
    return EditServicer(editor, history, codec)


@pytest_asyncio.fixture
async def network(tokens: Tokens) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack, tokens.verifier)


@pytest_asyncio.fixture
async def server(
    rules: Rules,
    codec: PostCodec,
    tokens: Tokens,
    engagement_servicer: EngagementServicer,
    edit_servicer: EditServicer,
    pins: Pins,
    voting: Voting,
    voters: Voters,
    quotes: Quotes,
    replies: Replies,
    scheduled_posts: ScheduledPosts,
    saved_drafts: SavedDrafts,
    network: Network,
) -> RpcServer:
    """All services of post."""
    return await network.serve(
        (
            add_PostServiceServicer_to_server,
            PostServicer(rules, codec, tokens.verifier),
            "rookery.post.v1.PostService",
        ),
        (add_EngagementServiceServicer_to_server, engagement_servicer, "rookery.post.v1.EngagementService"),
        (add_EditServiceServicer_to_server, edit_servicer, "rookery.post.v1.EditService"),
        (add_PinServiceServicer_to_server, PinServicer(pins), "rookery.post.v1.PinService"),
        (
            add_ScheduleServiceServicer_to_server,
            ScheduleServicer(scheduled_posts, codec),
            "rookery.post.v1.ScheduleService",
        ),
        (add_DraftServiceServicer_to_server, DraftServicer(saved_drafts, codec), "rookery.post.v1.DraftService"),
        (add_QuoteServiceServicer_to_server, QuoteServicer(quotes, codec), "rookery.post.v1.QuoteService"),
        (add_ReplyServiceServicer_to_server, ReplyServicer(replies, codec), "rookery.post.v1.ReplyService"),
        (add_PollServiceServicer_to_server, PollServicer(voting, voters), "rookery.post.v1.PollService"),
        settings=settings_of("post"),
        allowed_callers=ALLOWED_CALLERS,
    )


@pytest_asyncio.fixture
async def clients(server: RpcServer, network: Network) -> dict[str, RpcClient]:
    """PostService as gateway, feed, search and user call it."""
    return {
        name: await network.client(server.port, PostServiceStub, service="post", settings=settings_of(name))
        for name in ("gateway", "feed", "search", "user")
    }


@pytest_asyncio.fixture
async def engagement_client(server: RpcServer, network: Network) -> RpcClient:
    """EngagementService as the gateway calls it."""
    return await network.client(server.port, EngagementServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def edit_client(server: RpcServer, network: Network) -> RpcClient:
    """EditService as the gateway calls it."""
    return await network.client(server.port, EditServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def pin_client(server: RpcServer, network: Network) -> RpcClient:
    """PinService as the gateway calls it."""
    return await network.client(server.port, PinServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def poll_client(server: RpcServer, network: Network) -> RpcClient:
    """PollService as the gateway calls it."""
    return await network.client(server.port, PollServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def schedule_client(server: RpcServer, network: Network) -> RpcClient:
    """ScheduleService as the gateway calls it."""
    return await network.client(server.port, ScheduleServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def draft_client(server: RpcServer, network: Network) -> RpcClient:
    """DraftService as the gateway calls it."""
    return await network.client(server.port, DraftServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def quote_client(server: RpcServer, network: Network) -> RpcClient:
    """QuoteService as the gateway calls it."""
    return await network.client(server.port, QuoteServiceStub, service="post", settings=settings_of("gateway"))


@pytest_asyncio.fixture
async def reply_client(server: RpcServer, network: Network) -> RpcClient:
    """ReplyService as the gateway calls it."""
    return await network.client(server.port, ReplyServiceStub, service="post", settings=settings_of("gateway"))
