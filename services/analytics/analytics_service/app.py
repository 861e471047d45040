"""Composition root: the engines of analytics, its rules, its server, its consumers, and what makes it ready."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from analytics_service import __version__, servicer
from analytics_service.clients import AuthClient
from analytics_service.config import Settings
from analytics_service.consumers import archiving, counting
from analytics_service.consumers.archiving import ArchivingHandler
from analytics_service.consumers.counting import CountingHandler
from analytics_service.repository import manifest, windows
from analytics_service.repository.files import FileStore
from analytics_service.repository.manifest import Manifest
from analytics_service.repository.windows import CountedEvents, WindowRepository
from analytics_service.service.activity import Activity
from analytics_service.service.archiving import Archiving
from analytics_service.service.checking import ArchiveCheck
from analytics_service.service.counting import Counting
from analytics_service.service.measures import MeasureReader
from analytics_service.servicer import AnalyticsServicer
from rookery.analytics.v1.analytics_service_pb2_grpc import add_AnalyticsServiceServicer_to_server
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery_common.app import App, Command, Component, Role
from rookery_common.auth import TokenVerifier
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clock import SystemClock
from rookery_common.erasure import StepwiseEraser
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import erasure_serving
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.erasure_serving import erasure_registration
from rookery_common.rpc.server import RpcServer

MIGRATIONS: Final = Path(__file__).parent / "migrations"
ALLOWED_CALLERS: Final = {**servicer.ALLOWED_CALLERS, **erasure_serving.ALLOWED_CALLERS}
STATEMENTS: Final = {**windows.STATEMENTS, **manifest.STATEMENTS}


class _Core:
    """What all roles share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.cql = Cql(settings, "analytics", STATEMENTS)
        self.windows = WindowRepository(self.cql, self.clock)
        self.manifest = Manifest(self.cql, self.clock)


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; analytics publishes nothing, so that its relay has nothing to do."""
    core = _Core(Settings())
    components: list[Component] = [core.cql]
    if Role.CONSUME in roles:
        components += _consuming(core)
    if Role.SERVE in roles:
        components += _serving(core)
    # S3 is not asked: measures are answered without it, and the archive waits for it.
    return App(core.settings, __version__, components, {"cql": core.cql.check})


def _serving(core: _Core) -> list[Component]:
    auth = RpcClient(core.settings, core.settings.auth_target, AuthServiceStub, service="auth")
    measuring = AnalyticsServicer(MeasureReader(core.windows), Activity(core.windows, core.clock))
    server = RpcServer(
        core.settings,
        verifier=TokenVerifier(AuthClient(auth).signing_keys, core.clock),
        services=[
            (add_AnalyticsServiceServicer_to_server, measuring, "rookery.analytics.v1.AnalyticsService"),
            # No steps: nothing here names an account but by its id. A table that does is a step.
            erasure_registration(StepwiseEraser([], core.clock)),
        ],
        allowed_callers=ALLOWED_CALLERS,
    )
    return [auth, server]


def _consuming(core: _Core) -> list[Component]:
    settings = core.settings
    dead_letters = Producer(settings, "analytics", settings.topic_prefix)
    consumer = partial(
        Consumer,
        settings,
        batch=True,
        dead_letters=dead_letters,
        service=settings.service,
        topic_prefix=settings.topic_prefix,
    )
    counts = consumer(
        counting.GROUP,
        counting.TOPICS,
        CountingHandler(Counting(core.windows, CountedEvents(core.cql), core.clock)),
        pace_seconds=counting.PACE_SECONDS,
    )
    archived = consumer(
        archiving.GROUP,
        archiving.TOPICS,
        ArchivingHandler(Archiving(core.manifest, FileStore(settings))),
        batch_size=settings.archive_events,
        gather_seconds=settings.archive_seconds,
        whole=True,
    )
    return [dead_letters, counts, archived]


async def migrate() -> None:
    """Brings the keyspace's schema up to date."""
    await migrate_cql(Settings(), MIGRATIONS)


async def verify_archive() -> str:
    """Reads every file of the archive back; AppError names those that are damaged."""
    # Here, and in no process that stays: with what they import, these take 60 MB.
    from analytics_service import archivist
    from rookery_common.clients.s3 import S3

    core = _Core(Settings())
    s3 = S3(core.settings)
    needed: list[Component] = [core.cql, s3]
    try:
        for component in needed:
            await component.start()
        return await ArchiveCheck(core.manifest, partial(archivist.read, s3)).report()
    finally:
        for component in reversed(needed):
            await component.stop()


COMMANDS: Final = {
    "verify-archive": Command(verify_archive, {}, "Read every file of the archive back, and count their events."),
}
