"""Composition root: the engines of post, its rules, its server, and what makes it ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from post_service import __version__
from post_service.config import Settings
from post_service.repository.cards import CardRepository
from post_service.repository.engagements import EngagementRepository
from post_service.repository.media import MediaRepository
from post_service.repository.polls import PollRepository
from post_service.repository.statements import STATEMENTS
from post_service.service.confirm_vote import VoteConfirmer
from post_service.service.count_told import CountingSender
from post_service.service.sweep_uploads import UploadSweeper
from rookery_common.app import App, Component, Role
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.clock import SystemClock
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.kafka.relay import Relay

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
Check = Callable[[], Awaitable[None]]


def build(roles: frozenset[Role]) -> App:
    """One process in the given roles; ValidationError where a setting is missing or wrong."""
    settings = Settings()
    cql = Cql(settings, "post", STATEMENTS)
    producer = Producer(settings, "post", settings.topic_prefix)
    outbox = CqlOutbox(cql, producer, SystemClock(), confirmer=VoteConfirmer(PollRepository(cql)))
    files = S3Parts(settings, "post", clients_endpoint=settings.s3_upload_endpoint)
    components: list[Component] = [cql, producer, files]
    checks: dict[str, Check] = {"cql": cql.check}
    if Role.RELAY in roles:
        counting = CountingSender(producer, EngagementRepository(cql, outbox, SystemClock()))
        components.append(Relay(outbox, counting, service="post"))
        components.append(UploadSweeper(MediaRepository(cql), CardRepository(cql), files, SystemClock()))
    if roles & {Role.SERVE, Role.CONSUME}:
        # Some 25 MB that a relay does without.
        from post_service.app.serving import Serving

        parts = Serving(settings, cql, outbox, files)
        components += [parts.redis, parts.user, parts.lease, _Drain(outbox)]
        checks["worker_lease"] = parts.lease.check
        if Role.CONSUME in roles:
            components += [*parts.consumers(producer), *parts.link_cards(producer), *parts.media(producer)]
            components.append(parts.scheduler())
        if Role.SERVE in roles:
            components += parts.serving()
    # Redis is a cache and user a courtesy: without them posts are served, so that neither decides about readiness.
    return App(settings, __version__, components, checks)


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
