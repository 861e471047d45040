"""Composition root of the moderation service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moderation_service import __version__, announcement_servicer, consumers, servicer
from moderation_service.announcement_servicer import AnnouncementServicer
from moderation_service.announcements.news import AnnouncementNews
from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.announcements.service import Announcements
from moderation_service.announcements.telling import AnnouncementTelling
from moderation_service.clients import AuthClient, PostClient, UserClient
from moderation_service.config import Settings
from moderation_service.events import Events
from moderation_service.policy.file import PolicyFile
from moderation_service.repository import ModerationRepository
from moderation_service.service.desk import Desk
from moderation_service.service.erase_account import AccountErasure
from moderation_service.service.housekeeping import Housekeeping
from moderation_service.service.judging import Judge
from moderation_service.service.reports import Reports
from moderation_service.servicer import SERVICE_NAME, ModerationServicer
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.moderation.v1.announcement_service_pb2_grpc import add_AnnouncementServiceServicer_to_server
from rookery.moderation.v1.moderation_service_pb2_grpc import add_ModerationServiceServicer_to_server
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import App, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clock import SystemClock
from rookery_common.erasure import StepwiseEraser
from rookery_common.ids import Snowflake
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay
from rookery_common.logs import get_logger
from rookery_common.rpc import RpcClient, RpcServer, erasure_serving
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.worker_leases import PostgresWorkerLease

NAME = "moderation"
# Of the 1,024 worker numbers of Snowflakes, those that are moderation's.
WORKERS = range(832, 896)
ALLOWED_CALLERS = {**servicer.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}
DRAIN_SECONDS = 5.0
MIGRATIONS = Path(__file__).parent / "migrations"
Registration = tuple[Callable[[Any, Any], None], Any, str]
log = get_logger()


async def migrate() -> None:
    """Brings the database's schema up to date."""
    await migrate_postgres(Settings(), MIGRATIONS)


class OutboxDrain:
    """Component, stopped before the producer: what was committed last is published now, not by the relay later."""

    def __init__(self, outbox: PostgresOutbox) -> None:
        self._outbox = outbox

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._outbox.drain()
        except TimeoutError:
            log.warning("moderation.events_left_to_relay")


class _Core:
    """What all roles share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.pg = Postgres.from_settings(settings, name=NAME)
        self.producer = Producer(settings, NAME, settings.topic_prefix)
        self.outbox = PostgresOutbox(self.pg, self.producer, NAME)
        self.lease = PostgresWorkerLease(self.pg, self.clock, WORKERS)
        self.ids = Snowflake(self.clock, self.lease.worker)
        self.events = Events(self.clock)
        self.repository = ModerationRepository(self.pg, self.outbox)
        self.announcements = AnnouncementRepository(self.pg)


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting or the policy is missing or wrong."""
    core = _Core(Settings())
    components: list[Component] = [core.pg, core.producer, OutboxDrain(core.outbox)]
    checks = {"postgres": core.pg.check}
    if Role.RELAY in roles:
        housekeeping = Housekeeping(core.repository, core.announcements, core.clock)
        telling = AnnouncementTelling(AnnouncementNews(core.pg, core.outbox), core.events, core.clock)
        components += [Relay(core.outbox, core.producer, service=NAME), housekeeping, telling]
    if roles & {Role.SERVE, Role.CONSUME}:
        components.append(core.lease)
        checks["worker_number"] = core.lease.check
    if Role.CONSUME in roles:
        components += _consuming(core)
    if Role.SERVE in roles:
        components += _serving(core)
    return App(core.settings, __version__, components, checks)


def _serving(core: _Core) -> list[Component]:
    settings = core.settings
    auth = RpcClient(settings, settings.auth_target, AuthServiceStub, service="auth")
    user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
    post = RpcClient(settings, settings.post_target, PostServiceStub, service="post")
    posts = PostClient(post)
    reports = Reports(core.repository, UserClient(user), posts, core.events, core.ids, core.clock)
    desk = Desk(core.repository, posts, core.events, core.ids, core.clock)
    announcements = Announcements(core.announcements, core.ids, core.clock)
    erasure = AccountErasure(core.repository, core.announcements, core.clock)
    registrations: list[Registration] = [
        (add_ModerationServiceServicer_to_server, ModerationServicer(reports, desk), SERVICE_NAME),
        (
            add_AnnouncementServiceServicer_to_server,
            AnnouncementServicer(announcements),
            announcement_servicer.SERVICE_NAME,
        ),
        erasure_registration(StepwiseEraser(erasure.steps, core.clock)),
    ]
    verifier = TokenVerifier(AuthClient(auth).signing_keys, core.clock)
    server = RpcServer(settings, verifier=verifier, services=registrations, allowed_callers=ALLOWED_CALLERS)
    return [auth, user, post, server]


def _consuming(core: _Core) -> list[Component]:
    policy = PolicyFile(core.settings.policy_file, core.clock)
    judge = Judge(core.repository, policy.current, core.events, core.ids, core.clock)
    consumer = Consumer(
        core.settings,
        consumers.POST_GROUP,
        [consumers.POST_TOPIC],
        consumers.PostEventsHandler(judge),
        dead_letters=core.producer,
        service=NAME,
        topic_prefix=core.settings.topic_prefix,
    )
    return [policy, consumer]
