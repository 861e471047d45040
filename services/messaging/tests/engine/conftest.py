from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from messaging_service.app import MIGRATIONS
from messaging_service.direct_models import DirectNotice
from messaging_service.models import Notice
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.direct_threads import DIRECT_NOTICES, DirectThreadRepository
from messaging_service.repository.live import NOTICES
from messaging_service.repository.messages import MessageRepository
from messaging_service.repository.statements import STATEMENTS
from messaging_service.service.confirm import Confirmer
from messaging_service.service.notices import Notices
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.config import CqlSettings
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock, engines
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.events import FakeProducer

Told = Callable[[], Awaitable[list[Event]]]


@pytest.fixture(scope="session")
def keyspace() -> Iterator[CqlSettings]:
    """A keyspace of this run's own with the service's schema."""
    with engines.cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        yield settings


@pytest_asyncio.fixture
async def cql(keyspace: CqlSettings) -> AsyncIterator[Cql]:
    """The service's schema, empty."""
    async with emptied_cql(keyspace, "messaging-test", STATEMENTS, MIGRATIONS) as client:
        yield client


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
def outbox(
    cql: Cql, producer: FakeProducer, clock: FakeClock, conversation_rows: ConversationRepository, notices: Notices
) -> CqlOutbox:
    async def confirm(event: Event) -> bool:
        return await Confirmer(conversation_rows, MessageRepository(cql, found), notices)(event)

    found = CqlOutbox(cql, producer, clock, confirmer=confirm)
    return found


@pytest.fixture
def told(outbox: CqlOutbox, producer: FakeProducer) -> Told:
    """What the topic was told."""

    async def events() -> list[Event]:
        await outbox.drain()
        return producer.sent

    return events


@pytest.fixture
def sweep(outbox: CqlOutbox, producer: FakeProducer) -> Told:
    """What the topic was told, once the sweeper has gone through what is pending."""

    async def events() -> list[Event]:
        await outbox.drain()
        await outbox.sweep(producer)
        return producer.sent

    return events


@pytest.fixture
def patience() -> float:
    """How long a caller waits for an answer that may never come, in seconds."""
    return 2.0


@pytest.fixture
def stride() -> int:
    """Tests that die at every line do so at some: the fakes see to the others."""
    return 7


@pytest.fixture
def conversation_rows(cql: Cql) -> ConversationRepository:
    return ConversationRepository(cql)


@pytest.fixture
def message_rows(cql: Cql, outbox: CqlOutbox) -> MessageRepository:
    return MessageRepository(cql, outbox)


@pytest.fixture
def direct_rows(cql: Cql) -> DirectThreadRepository:
    return DirectThreadRepository(cql)


@pytest.fixture
def direct_streams(redis: RedisClient, redis_state_prefix: str) -> LiveStreams[DirectNotice]:
    return LiveStreams(redis, DIRECT_NOTICES, f"{redis_state_prefix}direct:")


@pytest_asyncio.fixture
async def redis(redis_state_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_state_url, "messaging-test")
    yield client
    await client.stop()


@pytest.fixture
def streams(redis: RedisClient, redis_state_prefix: str) -> LiveStreams[Notice]:
    return LiveStreams(redis, NOTICES, redis_state_prefix)


@pytest.fixture
def notices(streams: LiveStreams[Notice]) -> Notices:
    return Notices(Announcer(streams))
