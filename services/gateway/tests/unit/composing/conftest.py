"""The services as real servers in this process, and the gateway's composing half on clients of them."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from gateway_fakes.account_lists import ListServer
from gateway_fakes.direct_threads import DirectThreadServer
from gateway_fakes.feed import EVERYBODY, FeedServer
from gateway_fakes.filters import FilterServer
from gateway_fakes.moderation import AnnouncementServer, ReportServer
from gateway_fakes.notification_groups import NotificationGroups
from gateway_fakes.notification_policy import Policies, PolicyServer
from gateway_fakes.post_server import PostServer
from gateway_fakes.preferences import PreferenceServer
from gateway_fakes.tags import TagServer
from gateway_fakes.user_server import UserServer
from google.protobuf.timestamp_pb2 import Timestamp

from gateway_service.auth import TokenExchange
from gateway_service.cache import Fragments
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.handshake import Handshake
from gateway_service.hub import Hub
from gateway_service.revocations import Revocations
from gateway_service.routers.streaming import Streaming
from gateway_service.web import build_web
from rookery.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from rookery.feed.v1 import feed_service_pb2, feed_service_pb2_grpc
from rookery.messaging.v1.direct_thread_service_pb2 import DirectThread
from rookery.messaging.v1.direct_thread_service_pb2_grpc import (
    add_DirectThreadServiceServicer_to_server as add_direct_threads,
)
from rookery.moderation.v1.announcement_service_pb2 import Announcement, AnnouncementReader
from rookery.moderation.v1.announcement_service_pb2_grpc import (
    add_AnnouncementServiceServicer_to_server as add_announcements,
)
from rookery.moderation.v1.moderation_service_pb2 import Report
from rookery.moderation.v1.moderation_service_pb2_grpc import add_ModerationServiceServicer_to_server
from rookery.notification.v1 import (
    group_service_pb2,
    group_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    policy_service_pb2_grpc,
)
from rookery.post.v1 import post_pb2, post_service_pb2_grpc
from rookery.user.v1 import account_pb2, user_service_pb2_grpc
from rookery.user.v1.filter_service_pb2 import Filter
from rookery.user.v1.filter_service_pb2_grpc import add_FilterServiceServicer_to_server
from rookery.user.v1.list_service_pb2_grpc import add_ListServiceServicer_to_server
from rookery.user.v1.preference_service_pb2 import HomePreferences
from rookery.user.v1.preference_service_pb2_grpc import add_PreferenceServiceServicer_to_server
from rookery.user.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from rookery_common.auth import Identity, require_identity
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError, NotFound, Unauthenticated
from rookery_common.rpc import RpcServer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from rookery_common.testing.waiting import eventually

BORN = 1_700_000_000
SERVICES = ("auth", "user", "post", "feed", "messaging", "notification", "moderation")
Reason = feed_service_pb2.Reason


@dataclass
class World:
    """What the services hold, and what they were asked."""

    tokens: Tokens
    accounts: dict[int, account_pb2.Account] = field(default_factory=dict)
    counts: dict[int, account_pb2.AccountCounts] = field(default_factory=dict)
    relationships: dict[tuple[int, int], account_pb2.Relationship] = field(default_factory=dict)
    posts: dict[int, post_pb2.Post] = field(default_factory=dict)
    post_counts: dict[int, post_pb2.PostCounts] = field(default_factory=dict)
    marks: dict[tuple[int, int], post_pb2.PostMarks] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    homes: dict[int, list[feed_service_pb2.TimelineEntry]] = field(default_factory=dict)
    asked: dict[str, list[Any]] = field(default_factory=dict)
    # Of viewers: none is that of a user that has no Redis, or is a release older.
    epochs: dict[int, bytes] = field(default_factory=dict)
    # Whether post is of the release before, and looks at no columns of an entry.
    has_older_post: bool = False
    failures: dict[str, AppError] = field(default_factory=dict)
    opaque: dict[str, Identity] = field(default_factory=dict)
    updates: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    revocations: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    subscribed: set[int] = field(default_factory=set)
    public_updates: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    followed: set[str] = field(default_factory=set)
    lists: dict[int, set[int]] = field(default_factory=dict)
    home_preferences: HomePreferences = field(default_factory=HomePreferences)
    followed_tags: list[str] = field(default_factory=list)
    looked_in_vain_to: int = 0
    home_tags: list[list[str]] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    told: dict[int, list[notification_service_pb2.Notification]] = field(default_factory=dict)
    groups: dict[int, list[group_service_pb2.NotificationGroup]] = field(default_factory=dict)
    announcements: dict[int, Announcement] = field(default_factory=dict)
    readers: list[AnnouncementReader] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)
    markers: dict[int, int] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    news: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    listening: set[int] = field(default_factory=set)
    threads: dict[int, list[DirectThread]] = field(default_factory=dict)
    direct_news: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    direct_listening: set[int] = field(default_factory=set)
    # How many may wait for one service at once.
    most: float = math.inf

    def account(self, account_id: int, username: str, **fields: Any) -> int:
        """Adds an account."""
        born = Timestamp(seconds=BORN)
        self.accounts[account_id] = account_pb2.Account(
            account_id=account_id, username=username, create_time=born, version=1, **fields
        )
        return account_id

    def relate(self, viewer_id: int, account_id: int, **fields: Any) -> None:
        """Says what one account is to another."""
        relationship = account_pb2.Relationship(account_id=account_id, **fields)
        self.relationships[viewer_id, account_id] = relationship

    def follow(self, viewer_id: int, account_id: int, **fields: Any) -> None:
        self.relate(viewer_id, account_id, following=True, showing_reblogs=True, **fields)

    def post(self, post_id: int, author_id: int, text: str = "Hello", **fields: Any) -> int:
        """Adds a post."""
        post = post_pb2.Post(
            post_id=post_id,
            author_id=author_id,
            text=text,
            visibility=fields.pop("visibility", post_pb2.VISIBILITY_PUBLIC),
            create_time=Timestamp(seconds=BORN, nanos=123_000_000),
            version=fields.pop("version", 1),
            **fields,
        )
        self.posts[post_id] = post
        return post_id

    def entry(self, viewer_id: int, post_id: int, reason: int = Reason.REASON_FOLLOWED_AUTHOR) -> None:
        """Puts a post into a home."""
        entries = self.homes.setdefault(viewer_id, [])
        author_id = self.posts[post_id].author_id
        entries.append(
            feed_service_pb2.TimelineEntry(entry_id=post_id, author_id=author_id, reason=Reason.ValueType(reason))
        )
        entries.sort(key=lambda entry: -entry.entry_id)

    def publish(self, post_id: int) -> None:
        """Puts a post into the timeline of everybody."""
        self.entry(EVERYBODY, post_id, Reason.REASON_PUBLIC)

    def tell(self, recipient_id: int, notification_id: int, account_id: int, **fields: Any) -> Any:
        """Puts a notification into a list; returns it."""
        kind = fields.pop("type", notification_service_pb2.NOTIFICATION_TYPE_FOLLOW)
        told = notification_service_pb2.Notification(
            notification_id=notification_id, recipient_id=recipient_id, type=kind, account_id=account_id, **fields
        )
        told.create_time.FromMilliseconds(BORN * 1000)
        self.told.setdefault(recipient_id, []).append(told)
        return told

    def thread(self, owner_id: int, thread_id: int, *posts: int, unread: bool = False, others: tuple[int, ...]) -> None:
        """Puts a thread of direct posts, the latest first, into a list."""
        people = sorted({owner_id, *others})
        found = DirectThread(thread_id=thread_id, unread=unread)
        for post_id in posts:
            found.posts.add(post_id=post_id, author_id=self.posts[post_id].author_id, account_ids=people)
        mine = [each for each in self.threads.get(owner_id, []) if each.thread_id != thread_id]
        self.threads[owner_id] = sorted([*mine, found], key=lambda each: -each.posts[0].post_id)

    def called(self, method: str) -> list[Any]:
        return self.asked.get(method, [])

    def note(self, method: str, entry: Any) -> None:
        self.asked.setdefault(method, []).append(entry)
        if method in self.failures:
            raise self.failures[method]

    def forget_calls(self) -> None:
        self.asked.clear()


class Notifications(notification_service_pb2_grpc.NotificationServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def ListNotifications(self, request: Any, context: Any) -> Any:
        self._world.note("ListNotifications", (request.limit, request.max_id, request.min_id))
        viewer = require_identity("read:notifications").account_id
        upwards = request.min_id and not request.max_id
        read = self._world.markers.get(viewer, 0) if request.unread_only else 0
        found = sorted(
            (
                each
                for each in self._world.told.get(viewer, [])
                if (not request.max_id or each.notification_id < request.max_id)
                and each.notification_id > max(request.since_id, request.min_id, read)
                and (not request.types or each.type in request.types)
                and each.type not in request.exclude_types
                and request.account_id in (0, each.account_id)
            ),
            key=lambda each: each.notification_id if upwards else -each.notification_id,
        )
        page = found[: request.limit]
        reached = page[-1].notification_id if len(found) > len(page) else 0
        shown = page[::-1] if upwards else page
        return notification_service_pb2.ListNotificationsResponse(
            notifications=shown, more=bool(reached), reached_id=reached
        )

    async def GetNotification(self, request: Any, context: Any) -> Any:
        for each in self._world.told.get(require_identity("read:notifications").account_id, []):
            if each.notification_id == request.notification_id:
                return notification_service_pb2.GetNotificationResponse(notification=each)
        raise NotFound("No.")

    async def DismissNotification(self, request: Any, context: Any) -> Any:
        viewer = require_identity("write:notifications").account_id
        mine = self._world.told.get(viewer, [])
        self._world.told[viewer] = [each for each in mine if each.notification_id != request.notification_id]
        return notification_service_pb2.DismissNotificationResponse()

    async def ClearNotifications(self, request: Any, context: Any) -> Any:
        self._world.told.pop(require_identity("write:notifications").account_id, None)
        return notification_service_pb2.ClearNotificationsResponse()

    async def StreamNotifications(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async def listen() -> None:
            async for request in request_iterator:
                self._world.listening.update(request.subscribe_account_ids)
                self._world.listening.difference_update(request.unsubscribe_account_ids)

        self._world.listening.clear()
        listening = asyncio.create_task(listen())
        try:
            yield notification_service_pb2.StreamNotificationsResponse()
            while True:
                news = await self._world.news.get()
                if isinstance(news, AppError):
                    raise news
                yield news
        finally:
            listening.cancel()


class Auth(auth_service_pb2_grpc.AuthServiceServicer):
    def __init__(self, world: World) -> None:
        self._world = world

    async def ExchangeToken(self, request: Any, context: Any) -> Any:
        self._world.note("ExchangeToken", request.token)
        identity = self._world.opaque.get(request.token)
        if identity is None:
            raise Unauthenticated("No.")
        answer = auth_service_pb2.ExchangeTokenResponse(
            internal_token=identity.token,
            session_id=identity.session_id,
            account_id=identity.account_id,
            app_id=identity.app_id,
            scopes=sorted(identity.scopes),
            permissions=sorted(identity.permissions),
        )
        answer.expire_time.FromSeconds(int(SystemClock().unix_ms() / 1000) + 300)
        return answer

    async def WatchRevocations(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._world.note("WatchRevocations", request.since)
        yield auth_service_pb2.WatchRevocationsResponse(sequence=request.since)
        while True:
            try:
                async with asyncio.timeout(0.1):
                    revocation = await self._world.revocations.get()
            except TimeoutError:
                yield auth_service_pb2.WatchRevocationsResponse()
                continue
            if isinstance(revocation, AppError):
                raise revocation
            yield auth_service_pb2.WatchRevocationsResponse(revocations=[revocation], sequence=revocation.sequence)


@dataclass
class Gateway:
    """The composing half, started."""

    settings: Settings
    clients: Clients
    cache: Fragments
    composer: Composer
    hub: Hub
    revocations: Revocations
    exchange: TokenExchange
    server: RpcServer


@pytest_asyncio.fixture
async def world() -> World:
    return World(Tokens())


@pytest_asyncio.fixture
async def gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    # What a token may is asked anew after so long a silence: on a busy machine a second is no sign of anything.
    monkeypatch.setattr("gateway_service.revocations.SILENCE_SECONDS", 30.0)

    def make(servicer: Any) -> Any:
        """What is not written for these tests is answered with UNIMPLEMENTED."""
        return servicer(world)

    async with AsyncExitStack() as stack:
        server = await Network(stack, world.tokens.verifier).serve(
            (user_service_pb2_grpc.add_UserServiceServicer_to_server, make(UserServer), "rookery.user.v1.UserService"),
            (add_FilterServiceServicer_to_server, make(FilterServer), "rookery.user.v1.FilterService"),
            (add_TagServiceServicer_to_server, make(TagServer), "rookery.user.v1.TagService"),
            (add_PreferenceServiceServicer_to_server, make(PreferenceServer), "rookery.user.v1.PreferenceService"),
            (add_ListServiceServicer_to_server, make(ListServer), "rookery.user.v1.ListService"),
            (post_service_pb2_grpc.add_PostServiceServicer_to_server, make(PostServer), "rookery.post.v1.PostService"),
            (feed_service_pb2_grpc.add_FeedServiceServicer_to_server, make(FeedServer), "rookery.feed.v1.FeedService"),
            (
                notification_service_pb2_grpc.add_NotificationServiceServicer_to_server,
                make(Notifications),
                "rookery.notification.v1.NotificationService",
            ),
            (
                group_service_pb2_grpc.add_GroupServiceServicer_to_server,
                make(NotificationGroups),
                "rookery.notification.v1.GroupService",
            ),
            (
                policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
                make(PolicyServer),
                "rookery.notification.v1.PolicyService",
            ),
            (add_direct_threads, make(DirectThreadServer), "rookery.messaging.v1.DirectThreadService"),
            (add_announcements, make(AnnouncementServer), "rookery.moderation.v1.AnnouncementService"),
            (add_ModerationServiceServicer_to_server, make(ReportServer), "rookery.moderation.v1.ModerationService"),
            (auth_service_pb2_grpc.add_AuthServiceServicer_to_server, make(Auth), "rookery.auth.v1.AuthService"),
        )
        target = f"127.0.0.1:{server.port}"
        targets: dict[str, Any] = {f"{name}_target": target for name in SERVICES}
        settings = Settings(master_key=settings_of("x").master_key, public_url="https://rookery.test", **targets)
        clients, clock = Clients(settings, lambda: world.most), SystemClock()
        cache = Fragments()
        composer = Composer(clients, cache, clock, settings)
        hub, revocations = Hub(clients, clock), Revocations(clients, clock)
        exchange = TokenExchange(clients.auth, clock, fresh=revocations.fresh)
        revocations.connect(exchange, hub)
        for component in (clients, revocations, hub):
            await component.start()
            stack.push_async_callback(component.stop)
        yield Gateway(settings, clients, cache, composer, hub, revocations, exchange, server)


@pytest_asyncio.fixture
async def address(gateway: Gateway) -> AsyncIterator[str]:
    """Where its streams are served."""
    clock = SystemClock()
    handshake = Handshake(gateway.settings, gateway.exchange, clock)
    streaming = Streaming(gateway.hub, gateway.clients, gateway.composer, gateway.exchange, handshake, clock)
    web = build_web(gateway.settings, [streaming.router])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(web, log_config=None, lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await running
    listener.close()
