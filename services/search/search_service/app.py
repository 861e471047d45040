"""Composition root: the engine of search, its rules, its server, its consumers, and what makes it ready."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from google.protobuf.message import Message

from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery.search.v1.search_service_pb2_grpc import add_SearchServiceServicer_to_server
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.elasticsearch import Elastic
from rookery_common.clock import SystemClock
from rookery_common.erasure import StepwiseEraser
from rookery_common.kafka.consumer import EASY_PACE_SECONDS, Consumer
from rookery_common.kafka.handling import BatchHandler
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer
from search_service import __version__, servicer
from search_service.clients import AuthClient, PostClient, UserClient
from search_service.config import Settings
from search_service.consumers import (
    POST_EVENTS,
    POST_GROUP,
    POST_TOPIC,
    USER_EVENTS,
    USER_GROUP,
    USER_TOPIC,
    PostEventsHandler,
    UserEventsHandler,
)
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices
from search_service.repository.searches import Searches
from search_service.service.erase_account import AccountErasure
from search_service.service.indexing import Indexer
from search_service.service.rebuild import Progress, Rebuild
from search_service.service.search import Finder
from search_service.servicer import SERVICE_NAME, SearchServicer

MIGRATIONS: Final = Path(__file__).parent / "migrations"
ALLOWED_CALLERS: Final = {**servicer.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}


class _Core:
    """What all commands share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.elastic = Elastic.from_settings(settings, "search")
        self.indices = Indices(self.elastic, settings.index_prefix, MIGRATIONS, shards=settings.index_shards)
        self.documents = Documents(self.elastic)
        self.user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; search publishes nothing, so that its relay has nothing to do."""
    core = _Core(Settings())
    components: list[Component] = [core.elastic]
    if Role.CONSUME in roles:
        components += _consuming(core)
    if Role.SERVE in roles:
        components += _serving(core)
    return App(core.settings, __version__, components, {"elasticsearch": core.elastic.check})


def _serving(core: _Core) -> list[Component]:
    auth = RpcClient(core.settings, core.settings.auth_target, AuthServiceStub, service="auth")
    domain = urlsplit(core.settings.public_url).netloc
    finder = Finder(Searches(core.elastic, core.indices), UserClient(core.user), core.clock, domain)
    erasure = AccountErasure(Indexer(core.indices, core.documents))
    server = RpcServer(
        core.settings,
        verifier=TokenVerifier(AuthClient(auth).signing_keys, core.clock),
        services=[
            (add_SearchServiceServicer_to_server, SearchServicer(finder), SERVICE_NAME),
            erasure_registration(StepwiseEraser(erasure.steps, core.clock)),
        ],
        allowed_callers=ALLOWED_CALLERS,
    )
    return [auth, core.user, server]


def _consuming(core: _Core) -> list[Component]:
    settings = core.settings
    dead_letters = Producer(settings, settings.service, settings.topic_prefix)
    indexer = Indexer(core.indices, core.documents)

    def consumer(group: str, topic: str, handler: BatchHandler, takes: Sequence[type[Message]]) -> Consumer:
        return Consumer(
            settings,
            group,
            [topic],
            handler,
            takes=takes,
            dead_letters=dead_letters,
            service=settings.service,
            batch=True,
            pace_seconds=EASY_PACE_SECONDS,
            topic_prefix=settings.topic_prefix,
        )

    users = consumer(USER_GROUP, USER_TOPIC, UserEventsHandler(indexer), USER_EVENTS)
    posts = consumer(POST_GROUP, POST_TOPIC, PostEventsHandler(indexer), POST_EVENTS)
    return [dead_letters, users, posts]


async def migrate() -> None:
    """Brings the templates up to date, and makes the first indices."""
    core = _Core(Settings())
    try:
        await core.elastic.reach()
        await core.indices.migrate()
    finally:
        await core.elastic.stop()


async def rebuild(*, restart: bool) -> None:
    """Makes the indices again from user and post, and tells how far it is. Raises AppError."""
    core = _Core(Settings())
    post = RpcClient(core.settings, core.settings.post_target, PostServiceStub, service="post")
    components: list[Component] = [core.elastic, core.user, post]
    for component in components:
        await component.start()
    try:
        work = Rebuild(core.indices, core.documents, UserClient(core.user), PostClient(post), core.clock, _tell)
        await work.run(restart=restart)
    finally:
        for component in reversed(components):
            await component.stop()


def _tell(progress: Progress) -> None:
    sys.stdout.write(f"{progress.accounts} accounts, {progress.posts} posts\n")
    sys.stdout.flush()
