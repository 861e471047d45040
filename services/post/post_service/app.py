"""Composition root: the engines of post, its rules, its server, and what makes it ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from post_service import __version__
from post_service.clients import AuthClient, UserClient
from post_service.config import Settings
from post_service.events import PostCodec, PostEvents
from post_service.imaging.pool import ImageWorkers
from post_service.repository.cache import PostCache
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.statements import STATEMENTS
from post_service.service.create_post import PostWriter
from post_service.service.list_posts import AccountPosts
from post_service.service.media import MediaLibrary
from post_service.service.read_posts import PostReader
from post_service.service.sweep_uploads import UploadSweeper
from post_service.servicer import ALLOWED_CALLERS, PostServicer
from post_service.versions import HybridClock
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.post.v1.post_service_pb2_grpc import add_PostServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.s3 import S3
from rookery_common.clock import SystemClock
from rookery_common.ids import Snowflake
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.worker_leases import CqlWorkerLease

WORKERS: Final = range(256, 512)
MIGRATIONS: Final = Path(__file__).parent / "migrations"
Check = Callable[[], Awaitable[None]]


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong. Nothing is consumed yet."""
    settings = Settings()
    cql = Cql(settings, "post", STATEMENTS)
    producer = Producer(settings.kafka_bootstrap, "post", settings.topic_prefix)
    outbox = CqlOutbox(cql, producer, SystemClock())
    files = S3(settings, "post")
    components: list[Component] = [cql, producer, files]
    checks: dict[str, Check] = {"cql": cql.check}
    if Role.RELAY in roles:
        components.append(Relay(outbox, producer, service="post"))
        components.append(UploadSweeper(MediaRepository(cql), files, SystemClock()))
    if Role.SERVE in roles:
        components += _serving(settings, cql, outbox, files, checks)
    return App(settings, __version__, components, checks)


def _serving(settings: Settings, cql: Cql, outbox: CqlOutbox, files: S3, checks: dict[str, Check]) -> list[Component]:
    clock, redis = SystemClock(), RedisClient.cache(settings, "post")
    lease = CqlWorkerLease(cql, clock, WORKERS)
    auth = RpcClient(settings, settings.auth_target, AuthServiceStub, service="auth")
    user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
    workers = ImageWorkers(settings.image_workers)
    ids, versions, codec = Snowflake(clock, lease.worker), HybridClock(clock), PostCodec(files.public_url)
    posts, media, cache = PostRepository(cql, outbox, clock), MediaRepository(cql), PostCache(redis, clock)
    users, events = UserClient(user), PostEvents(codec, clock)
    reader = PostReader(posts, cache, codec, users, versions)
    verifier = TokenVerifier(AuthClient(auth).signing_keys, clock)
    servicer = PostServicer(
        PostWriter(posts, media, cache, reader, users, codec, events, ids, versions, settings.local_domain),
        reader,
        AccountPosts(posts, reader),
        MediaLibrary(media, files, workers, ids, versions, clock),
        codec,
        verifier,
    )
    server = RpcServer(
        settings,
        verifier=verifier,
        services=[(add_PostServiceServicer_to_server, servicer, "rookery.post.v1.PostService")],
        allowed_callers=ALLOWED_CALLERS,
    )
    # Redis is a cache and user a courtesy: without them posts are served, so that neither decides about readiness.
    checks["worker_lease"] = lease.check
    return [redis, lease, auth, user, workers, _Drain(outbox), server]


class _Drain:
    """Publishes what the last requests have committed before the producer stops; the relay would, a little later."""

    def __init__(self, outbox: CqlOutbox) -> None:
        self._outbox = outbox

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        await self._outbox.drain()


async def migrate() -> None:
    """Brings the keyspace's schema up to date."""
    await migrate_cql(Settings(), MIGRATIONS)
