from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from notification_service.app import MIGRATIONS, STATEMENTS
from notification_service.models import Notification
from notification_service.repository.counts import CountCache
from notification_service.repository.digests import DigestRepository
from notification_service.repository.history import HistoryRepository
from notification_service.repository.live import NOTIFICATIONS
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import HEADS, NotificationRepository
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.repository.told import ToldRepository
from notification_service.repository.watchers import WatcherRepository
from notification_service.repository.windows import WindowRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.config import CqlSettings
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.engines import cql_keyspace_settings, forget_keys


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
    async with emptied_cql(keyspace, "notification-test", STATEMENTS, MIGRATIONS) as client:
        yield client


@pytest_asyncio.fixture
async def cache(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "notification-test")
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def state(redis_state_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_state_url, "notification-test")
    yield client
    await client.stop()


@pytest.fixture
def notifications(cql: Cql, clock: FakeClock) -> NotificationRepository:
    return NotificationRepository(cql, clock)


@pytest.fixture
def heads(cql: Cql, clock: FakeClock) -> NotificationRepository:
    return NotificationRepository(cql, clock, HEADS)


@pytest.fixture
def group_members(cql: Cql, clock: FakeClock) -> MemberRepository:
    return MemberRepository(cql, clock)


@pytest.fixture
def history(
    cql: Cql, notifications: NotificationRepository, heads: NotificationRepository, group_members: MemberRepository
) -> HistoryRepository:
    return HistoryRepository(cql, notifications, heads, group_members)


@pytest.fixture
def counts(cache: RedisClient, redis_prefix: str) -> CountCache:
    return CountCache(cache, redis_prefix)


@pytest.fixture
def told(cql: Cql, clock: FakeClock) -> ToldRepository:
    return ToldRepository(cql, clock)


@pytest.fixture
def policies(cql: Cql) -> PolicyRepository:
    return PolicyRepository(cql)


@pytest.fixture
def preferences(cql: Cql) -> PreferenceRepository:
    return PreferenceRepository(cql)


@pytest.fixture
def digests(cql: Cql) -> DigestRepository:
    return DigestRepository(cql)


@pytest.fixture
def watchers(cql: Cql) -> WatcherRepository:
    return WatcherRepository(cql)


@pytest.fixture
def marked(cql: Cql) -> MarkerRepository:
    return MarkerRepository(cql)


@pytest.fixture
def windows(cache: RedisClient, redis_prefix: str) -> Windows:
    return Windows(cache, redis_prefix)


@pytest.fixture
def streams(state: RedisClient, redis_state_prefix: str) -> LiveStreams[Notification]:
    return LiveStreams(state, NOTIFICATIONS, redis_state_prefix)
