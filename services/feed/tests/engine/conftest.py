from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from feed_service.app import MIGRATIONS, STATEMENTS
from feed_service.models import Entry, LiveUpdate, MergedUpdate
from feed_service.placement import time_bucket
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.live import MERGED_UPDATES, UPDATES
from feed_service.repository.marks import MarkRepository
from feed_service.repository.public import PublicRepository
from feed_service.repository.rankings import RankingRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.stretches import StretchRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import WindowRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.config import CqlSettings
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.engines import cql_keyspace_settings, forget_keys

BUCKET_FOLLOWERS = 50
TIMELINE_SHARDS = 4
Delivered = Callable[[Entry], Awaitable[list[int]]]


class Windows(WindowRepository):
    """With the test's own keys, which it can lose."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        super().__init__(redis, prefix)
        self._client, self._own = redis, prefix

    async def forget_everything(self) -> None:
        """A flushed Redis."""
        await forget_keys(self._client.raw, self._own)


@pytest.fixture(scope="session")
def keyspace() -> Iterator[CqlSettings]:
    """A keyspace of this run's own with the service's schema."""
    with cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        yield settings


@pytest_asyncio.fixture
async def cql(keyspace: CqlSettings) -> AsyncIterator[Cql]:
    """The keyspace, empty."""
    look = {"delivered": "SELECT reader_id, entry_id FROM timelines WHERE reader_shard = ? AND time_bucket = ?"}
    async with emptied_cql(keyspace, "feed-test", STATEMENTS | look, MIGRATIONS) as client:
        yield client


@pytest_asyncio.fixture
async def cache(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "feed-test")
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def state(redis_state_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_state_url, "feed-test")
    yield client
    await client.stop()


@pytest.fixture
def timelines(cql: Cql, clock: FakeClock) -> TimelineRepository:
    return TimelineRepository(cql, clock, TIMELINE_SHARDS)


@pytest.fixture
def public_rows(cql: Cql) -> PublicRepository:
    return PublicRepository(cql)


@pytest.fixture
def delivered(cql: Cql) -> Delivered:
    """Who has an entry, asked of the engine itself."""

    async def readers(entry: Entry) -> list[int]:
        day = time_bucket(entry.entry_id)
        rows = await cql.many("delivered", [(shard, day) for shard in range(TIMELINE_SHARDS)])
        return sorted(row.reader_id for part in rows for row in part if row.entry_id == entry.entry_id)

    return readers


@pytest.fixture
def follows(cql: Cql) -> FollowRepository:
    return FollowRepository(cql, BUCKET_FOLLOWERS)


@pytest.fixture
def author_posts(cql: Cql, clock: FakeClock) -> AuthorPostRepository:
    return AuthorPostRepository(cql, clock)


@pytest.fixture
def marks(cql: Cql) -> MarkRepository:
    return MarkRepository(cql)


@pytest.fixture
def rankings(cache: RedisClient, redis_prefix: str) -> RankingRepository:
    return RankingRepository(cache, redis_prefix)


@pytest.fixture
def stretches(cache: RedisClient, redis_prefix: str) -> StretchRepository:
    return StretchRepository(cache, redis_prefix)


@pytest.fixture
def readers(cql: Cql) -> ReaderRepository:
    return ReaderRepository(cql)


@pytest.fixture
def seen(cache: RedisClient, redis_prefix: str) -> SeenRepository:
    return SeenRepository(cache, prefix=redis_prefix)


@pytest.fixture
def windows(cache: RedisClient, redis_prefix: str) -> Windows:
    return Windows(cache, redis_prefix)


@pytest.fixture
def next_windows(cache: RedisClient, redis_prefix: str) -> Windows:
    """Of another cache."""
    return Windows(cache, f"{redis_prefix}next:")


@pytest.fixture
def streams(state: RedisClient, redis_state_prefix: str) -> LiveStreams[LiveUpdate]:
    return LiveStreams(state, UPDATES, redis_state_prefix)


@pytest.fixture
def public_streams(state: RedisClient, redis_state_prefix: str) -> LiveStreams[LiveUpdate]:
    return LiveStreams(state, UPDATES, f"{redis_state_prefix}public:")


@pytest.fixture
def merged_streams(state: RedisClient, redis_state_prefix: str) -> LiveStreams[MergedUpdate]:
    return LiveStreams(state, MERGED_UPDATES, f"{redis_state_prefix}merged:")
