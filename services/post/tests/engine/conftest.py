from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC

import pytest
import pytest_asyncio

from post_service.app import MIGRATIONS
from post_service.clients import Relation, UserClient
from post_service.imaging.pool import ImageWorkers
from post_service.models import Mention
from post_service.repository.cache import PostCache
from post_service.repository.cards import CardRepository
from post_service.repository.engagements import EngagementRepository
from post_service.repository.erasures import ErasureRepository
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.repository.media import MediaRepository
from post_service.repository.pins import PinRepository
from post_service.repository.polls import PollEndRepository, PollRepository, VoteRepository
from post_service.repository.posts import PostRepository
from post_service.repository.quotes import QuoteRepository
from post_service.repository.redis_guard import RedisGuard
from post_service.repository.replies import ReplyRepository
from post_service.repository.revisions import RevisionRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.repository.statements import STATEMENTS
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.service.confirm_vote import VoteConfirmer
from rookery_common.auth import Identity
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.config import CqlSettings, S3Settings
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.crash import CrashAt, crash_after
from rookery_common.testing.engines import cql_keyspace_settings
from rookery_common.testing.events import FakeProducer

OUTBOX_ALL = (
    "SELECT event_id, type, topic, key, aggregate_id, version, occurred_at, payload, traceparent, source FROM outbox"
)


class Users(UserClient):
    """Knows bob."""

    def __init__(self) -> None:
        """Asks nobody."""

    async def find_accounts(self, usernames: Sequence[str]) -> list[Mention]:
        return [Mention(102, "bob")]

    async def relations(self, viewer: Identity, account_ids: Sequence[int]) -> dict[int, Relation]:
        return {account_id: Relation(following=False, apart=False) for account_id in account_ids}


@pytest.fixture(scope="session")
def keyspace() -> Iterator[CqlSettings]:
    """A keyspace of this run's own with the service's schema."""
    with cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        yield settings


@pytest_asyncio.fixture
async def cql(keyspace: CqlSettings) -> AsyncIterator[Cql]:
    """The keyspace, empty."""
    async with emptied_cql(keyspace, "post-test", {**STATEMENTS, "outbox_all": OUTBOX_ALL}, MIGRATIONS) as client:
        yield client


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
def outbox(cql: Cql, producer: FakeProducer, clock: FakeClock) -> CqlOutbox:
    return CqlOutbox(cql, producer, clock, confirmer=VoteConfirmer(PollRepository(cql)))


@pytest.fixture
def told(cql: Cql) -> Callable[[], Awaitable[list[Event]]]:
    """All that was recorded to be told of."""

    async def recorded() -> list[Event]:
        rows = sorted(await cql.execute("outbox_all", ()), key=lambda row: row.event_id.hex)
        return [
            Event(
                event_id=str(row.event_id),
                type=row.type,
                topic=row.topic,
                key=row.key,
                aggregate_id=row.aggregate_id,
                version=row.version,
                occurred_at=row.occurred_at.replace(tzinfo=UTC),
                payload=row.payload,
                traceparent=row.traceparent,
                source=row.source,
            )
            for row in rows
        ]

    return recorded


@pytest.fixture
def posts(cql: Cql, outbox: CqlOutbox, clock: FakeClock) -> PostRepository:
    return PostRepository(cql, outbox, clock)


@pytest.fixture
def revisions(cql: Cql, outbox: CqlOutbox) -> RevisionRepository:
    return RevisionRepository(cql, outbox)


@pytest.fixture
def pinned(cql: Cql) -> PinRepository:
    return PinRepository(cql)


@pytest.fixture
def quoted(cql: Cql, outbox: CqlOutbox, clock: FakeClock) -> QuoteRepository:
    return QuoteRepository(cql, outbox, clock)


@pytest.fixture
def replied(cql: Cql, outbox: CqlOutbox) -> ReplyRepository:
    return ReplyRepository(cql, outbox)


@pytest.fixture
def polls(cql: Cql) -> PollRepository:
    return PollRepository(cql)


@pytest.fixture
def votes(cql: Cql, outbox: CqlOutbox, polls: PollRepository) -> VoteRepository:
    return VoteRepository(cql, outbox, polls)


@pytest.fixture
def ends(cql: Cql, outbox: CqlOutbox) -> PollEndRepository:
    return PollEndRepository(cql, outbox)


@pytest.fixture
def crashing() -> Callable[..., AbstractAsyncContextManager[CrashAt]]:
    """Dies after the n-th answer."""
    return crash_after


@pytest.fixture
def schedule(cql: Cql) -> ScheduleRepository:
    return ScheduleRepository(cql)


@pytest.fixture
def drafts(cql: Cql) -> SavedDraftRepository:
    return SavedDraftRepository(cql)


@pytest.fixture
def progress(cql: Cql) -> ErasureRepository:
    return ErasureRepository(cql)


@pytest.fixture
def scheduled(cql: Cql, schedule: ScheduleRepository) -> ScheduledRepository:
    return ScheduledRepository(cql, schedule)


@pytest.fixture
def engagements(cql: Cql, outbox: CqlOutbox, clock: FakeClock) -> EngagementRepository:
    return EngagementRepository(cql, outbox, clock)


@pytest.fixture
def marks(cql: Cql) -> MarkRepository:
    return MarkRepository(cql)


@pytest.fixture
def lists(cql: Cql, clock: FakeClock) -> MarkedRepository:
    return MarkedRepository(cql, clock)


@pytest.fixture
def media(cql: Cql) -> MediaRepository:
    return MediaRepository(cql)


@pytest.fixture
def unfinished(cql: Cql, outbox: CqlOutbox) -> UnfinishedMediaRepository:
    return UnfinishedMediaRepository(cql, outbox)


@pytest_asyncio.fixture
async def objects(s3_settings: S3Settings) -> AsyncIterator[S3Parts]:
    store = S3Parts(s3_settings, clients_endpoint=s3_settings.s3_endpoint)
    await store.start()
    yield store
    await store.stop()


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[ImageWorkers]:
    running = ImageWorkers(1)
    yield running
    await running.stop()


@pytest.fixture
def cards(cql: Cql) -> CardRepository:
    return CardRepository(cql)


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "post-test")
    yield client
    await client.stop()


@pytest.fixture
def guard(clock: FakeClock) -> RedisGuard:
    return RedisGuard(clock)


@pytest.fixture
def cache(redis: RedisClient, redis_prefix: str, guard: RedisGuard) -> PostCache:
    return PostCache(redis, guard, prefix=redis_prefix)


@pytest.fixture
def mark_cache(redis: RedisClient, redis_prefix: str, guard: RedisGuard) -> MarkCache:
    return MarkCache(redis, guard, prefix=redis_prefix)


@pytest.fixture
def users() -> UserClient:
    return Users()
