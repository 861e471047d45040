"""Composition root: the engines of feed, its rules, its server, its consumers, and what makes it ready."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from feed_service import __version__, ranking_servicer, servicer
from feed_service.clients import AuthClient, FactsClient, PostClient, UserClient
from feed_service.config import Settings
from feed_service.consumers import (
    ENGAGEMENT_GROUP,
    ENGAGEMENT_TOPIC,
    FANOUT_GROUP,
    FOLLOWS_AT_ONCE,
    POST_GROUP,
    POST_TOPIC,
    USER_EVENTS,
    USER_GROUP,
    USER_TOPIC,
    EngagementHandler,
    FanOutHandler,
    PostEventsHandler,
    UserEventsHandler,
)
from feed_service.errors import NotMoving
from feed_service.events import FANOUT_TOPIC, BulkLane
from feed_service.ranking_servicer import RankingServicer
from feed_service.repository import author_posts, follows, marks, public, readers, timelines
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.live import MERGED_PREFIX, MERGED_UPDATES, PREFIX, PUBLIC_PREFIX, UPDATES
from feed_service.repository.marks import MarkRepository
from feed_service.repository.public import PublicRepository
from feed_service.repository.rankings import RankingRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.stretches import StretchRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WindowRepository
from feed_service.service.activity import Activity
from feed_service.service.erase_account import AccountErasure
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.for_you import ForYou
from feed_service.service.home import HomeReader
from feed_service.service.lists import ListReader
from feed_service.service.merged import AuthorTails, MergedHomes
from feed_service.service.merged_news import MergedNews
from feed_service.service.modes import Modes
from feed_service.service.older import OlderEntries
from feed_service.service.popular import PopularPosts
from feed_service.service.public import PublicTimelines
from feed_service.service.rebuild import GraphRebuild
from feed_service.service.returns import Returns
from feed_service.service.stream_watch import StreamWatch
from feed_service.service.tagged import TaggedHomes, TagTails
from feed_service.service.warming import Warming
from feed_service.servicer import FeedServicer
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.feed.v1.feed_service_pb2_grpc import add_FeedServiceServicer_to_server
from rookery.feed.v1.ranking_service_pb2_grpc import add_RankingServiceServicer_to_server
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery.user.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from rookery_common.app import App, Command, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisAccess, RedisClient
from rookery_common.clock import SystemClock
from rookery_common.crypto import derive_key
from rookery_common.erasure import StepwiseEraser
from rookery_common.kafka.consumer import LIVE_PACE_SECONDS, Consumer
from rookery_common.kafka.producer import Producer
from rookery_common.live.announcer import Announcer
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.paging import CursorCodec
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer

MIGRATIONS: Final = Path(__file__).parent / "migrations"
STATEMENTS: Final = {
    **timelines.STATEMENTS,
    **follows.STATEMENTS,
    **public.STATEMENTS,
    **marks.STATEMENTS,
    **author_posts.STATEMENTS,
    **readers.STATEMENTS,
}
ALLOWED_CALLERS: Final = {
    **servicer.ALLOWED_CALLERS,
    **ranking_servicer.ALLOWED_CALLERS,
    **erasure_serving.ALLOWED_CALLERS,
}


class _Core:
    """What all roles share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.cql = Cql(settings, "feed", STATEMENTS)
        self.cache = RedisClient.cache(settings, "feed")
        self.state = RedisClient.state(settings, "feed")
        cluster = settings.redis_cluster
        self.timelines = TimelineRepository(self.cql, self.clock, settings.timeline_shards)
        self.windows = WindowRepository(self.cache, cluster=cluster)
        self.moved = _moved(settings)
        self.caches = [self.cache, *([self.moved] if self.moved else [])]
        self.next_windows = WindowRepository(self.moved, cluster=cluster) if self.moved else None
        self.window_caches = WindowCaches(self.windows, *([self.next_windows] if self.next_windows else []))
        self.follows = FollowRepository(self.cql)
        self.stretches = StretchRepository(self.cache)
        self.readers = ReaderRepository(self.cql)
        self.seen = SeenRepository(*self.caches)
        self.streams = LiveStreams(self.state, UPDATES, PREFIX, cluster=cluster)
        self.public_streams = LiveStreams(self.state, UPDATES, PUBLIC_PREFIX, cluster=cluster)
        self.public_rows = PublicRepository(self.cql)
        self.marks = MarkRepository(self.cql)
        self.public = PublicTimelines(self.public_rows, Announcer(self.public_streams))
        self.author_posts = AuthorPostRepository(self.cql, self.clock)
        self.modes = Modes(
            self.author_posts, self.follows, self.clock, settings.merge_followers, settings.merge_grace_seconds
        )
        self.merged_streams = LiveStreams(self.state, MERGED_UPDATES, MERGED_PREFIX, cluster=cluster)
        self.fan_out = FanOut(
            self.timelines,
            self.window_caches,
            self.follows,
            self.author_posts,
            self.modes,
            Announcer(self.streams),
            Announcer(self.merged_streams),
            Activity(self.readers, self.seen, self.clock, settings.active_days),
            self.clock,
        )


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; feed has no outbox, so that its relay has nothing to do."""
    core = _Core(Settings())
    components: list[Component] = [core.cql, *core.caches, core.state]
    # Redis is not asked: homes are answered from CQL without it, and fan-out waits for it.
    checks: dict[str, Callable[[], Awaitable[None]]] = {"cql": core.cql.check}
    if Role.CONSUME in roles:
        components += _consuming(core)
    if Role.SERVE in roles:
        components += _serving(core)
    return App(core.settings, __version__, components, checks)


def _serving(core: _Core) -> list[Component]:
    auth = RpcClient(core.settings, core.settings.auth_target, AuthServiceStub, service="auth")
    live = LiveHub(core.streams, as_sent, core.clock)
    public_live = LiveHub(core.public_streams, as_sent, core.clock)
    post = RpcClient(core.settings, core.settings.post_target, PostServiceStub, service="post")
    author_tails = AuthorTails(core.author_posts, core.clock)
    merged = MergedHomes(core.modes, core.windows, author_tails)
    merged_live = LiveHub(core.merged_streams, as_sent, core.clock)
    news = MergedNews(merged_live, live, core.windows, core.follows, author_tails)
    older = OlderEntries(PostClient(post), core.stretches, core.clock)
    returns = _returns(core, older)
    homes = HomeReader(core.windows, core.timelines, core.follows, merged, older, returns)
    tails = TagTails(core.public_rows, core.clock)
    verifier = TokenVerifier(AuthClient(auth).signing_keys, core.clock)
    lists = ListReader(core.timelines, core.follows, merged, older, returns)
    feed = FeedServicer(
        TaggedHomes(homes, tails), lists, core.public, core.fan_out, live, public_live, verifier, core.clock
    )
    for_you = RankingServicer(_for_you(core, homes, tails, FactsClient(post)))
    erasure = AccountErasure(
        core.marks, core.follows, core.timelines, core.window_caches, core.author_posts, core.readers, core.seen
    )
    server = RpcServer(
        core.settings,
        verifier=verifier,
        services=[
            (add_FeedServiceServicer_to_server, feed, "rookery.feed.v1.FeedService"),
            (add_RankingServiceServicer_to_server, for_you, "rookery.feed.v1.RankingService"),
            erasure_registration(StepwiseEraser(erasure.steps, core.clock)),
        ],
        allowed_callers=ALLOWED_CALLERS,
    )
    return [auth, post, live, public_live, merged_live, news, StreamWatch(live, returns, core.clock), server]


def _returns(core: _Core, older: OlderEntries) -> Returns:
    return Returns(core.readers, core.seen, core.timelines, core.window_caches, core.follows, older, core.clock)


def _for_you(core: _Core, homes: HomeReader, tails: TagTails, facts: FactsClient) -> ForYou:
    popular = PopularPosts(core.public_rows, facts, core.clock)
    cursors = CursorCodec(derive_key(core.settings.master_key_bytes(), "feed cursors"))
    rankings = RankingRepository(core.cache)
    return ForYou(homes, tails, popular, facts, core.follows, core.marks, rankings, cursors, core.clock)


def _consuming(core: _Core) -> list[Component]:
    settings = core.settings
    post = RpcClient(settings, settings.post_target, PostServiceStub, service="post")
    producer = Producer(settings, "feed", settings.topic_prefix)
    bulk = BulkLane(producer, core.clock)
    keeper = FollowKeeper(core.follows, core.window_caches, core.fan_out, PostClient(post), core.clock)
    consumer = partial(
        Consumer,
        settings,
        dead_letters=producer,
        service=settings.service,
        topic_prefix=settings.topic_prefix,
    )
    users = consumer(
        USER_GROUP, [USER_TOPIC], UserEventsHandler(keeper), takes=USER_EVENTS, batch=True, batch_size=FOLLOWS_AT_ONCE
    )
    posts = consumer(
        POST_GROUP,
        [POST_TOPIC],
        PostEventsHandler(core.fan_out, core.public, core.marks, bulk),
        batch=True,
        pace_seconds=LIVE_PACE_SECONDS,
    )
    large = consumer(FANOUT_GROUP, [FANOUT_TOPIC], FanOutHandler(core.fan_out))
    engagement = consumer(ENGAGEMENT_GROUP, [ENGAGEMENT_TOPIC], EngagementHandler(core.marks), batch=True)
    return [post, producer, users, posts, large, engagement]


async def migrate() -> None:
    """Brings the keyspace's schema up to date."""
    await migrate_cql(Settings(), MIGRATIONS)


async def rebuild_follows() -> str:
    """Takes over all follows from user; what it says at the end. Raises AppError."""
    core = _Core(Settings())
    user = RpcClient(core.settings, core.settings.user_target, SnapshotServiceStub, service="user")
    components: list[Component] = [core.cql, *core.caches, user]
    async with AsyncExitStack() as started:
        for component in components:
            await component.start()
            started.push_async_callback(component.stop)
        rebuild = GraphRebuild(core.follows, core.window_caches, UserClient(user), core.clock, _tell)
        return f"{await rebuild.run()} follows are taken over"


async def warm() -> str:
    """Fills the other cache's windows for all readers who have one; what it says at the end. Raises AppError."""
    core = _Core(Settings())
    if core.next_windows is None:
        raise NotMoving
    merged = MergedHomes(core.modes, core.next_windows, AuthorTails(core.author_posts, core.clock))
    post = RpcClient(core.settings, core.settings.post_target, PostServiceStub, service="post")
    older = OlderEntries(PostClient(post), core.stretches, core.clock)
    then = HomeReader(core.next_windows, core.timelines, core.follows, merged, older, _returns(core, older))
    components: list[Component] = [core.cql, *core.caches, post]
    async with AsyncExitStack() as started:
        for component in components:
            await component.start()
            started.push_async_callback(component.stop)
        readers = await Warming(core.windows, then, core.clock, partial(_tell, what="readers")).run()
        return f"the windows of {readers} readers are there"


def _tell(count: int, what: str = "follows") -> None:
    sys.stdout.write(f"{count} {what}\n")
    sys.stdout.flush()


def _moved(settings: Settings) -> RedisClient | None:
    """The other cache, while the caches are moved; its password is in its URL."""
    url = settings.other_cache_url.get_secret_value()
    access = RedisAccess(ca_file=settings.redis_ca_file)
    return RedisClient(url, "feed-cache-moved", settings.redis_cluster, access) if url else None


COMMANDS: Final = {
    "rebuild-follows": Command(rebuild_follows, {}, "Take over who follows whom from user, beside live events"),
    "warm": Command(warm, {}, "Fill the windows of the cache to which the caches are moved"),
}
