"""The pytest plugin of every package here: a clock and ids, and fresh namespaces of the real engines."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from rookery_common.clients import calls
from rookery_common.config import CqlSettings, S3Settings
from rookery_common.testing import engines
from rookery_common.testing.clock import FakeClock
from rookery_common.testing.ids import FakeIds


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    return FakeClock()


@pytest.fixture
def statement_seconds() -> float:
    """How long the engines' clients wait: on a busy machine that is longer than in a service. Override it to see them
    give up."""
    return 20.0


@pytest.fixture(autouse=True)
def _patient_clients(statement_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls.time_left, "__defaults__", (statement_seconds,))
    if cassandra := sys.modules.get("rookery_common.clients.cassandra"):
        monkeypatch.setattr(cassandra, "STATEMENT_SECONDS", statement_seconds)
    if redis := sys.modules.get("rookery_common.clients.redis"):
        monkeypatch.setattr(redis, "CONNECT_SECONDS", statement_seconds)


@pytest.fixture
def ids(clock: FakeClock) -> FakeIds:
    """Ids in order, of the test's clock."""
    return FakeIds(clock)


@pytest_asyncio.fixture
async def pg_database() -> AsyncIterator[str]:
    """The DSN of a fresh Postgres database."""
    async with engines.postgres_database() as dsn:
        yield dsn


@pytest.fixture
def cql_keyspace() -> Iterator[CqlSettings]:
    """The settings of a fresh keyspace."""
    with engines.cql_keyspace_settings() as settings:
        yield settings


@pytest.fixture(scope="module")
def shared_cql_keyspace() -> Iterator[CqlSettings]:
    """The settings of a keyspace that the module's tests share, for `emptied_cql`."""
    with engines.cql_keyspace_settings() as settings:
        yield settings


@pytest.fixture
def redis_url() -> str:
    """The Redis of caches; keys go under `redis_prefix`."""
    return engines.env("REDIS_URL")


@pytest.fixture
def redis_state_url() -> str:
    """The Redis of state; keys go under `redis_state_prefix`."""
    return engines.env("REDIS_STATE_URL")


@pytest_asyncio.fixture
async def redis_prefix(redis_url: str) -> AsyncIterator[str]:
    """A key prefix in the Redis of caches, emptied afterwards."""
    async with engines.redis_key_prefix(redis_url) as prefix:
        yield prefix


@pytest_asyncio.fixture
async def redis_state_prefix(redis_state_url: str) -> AsyncIterator[str]:
    """A key prefix in the Redis of state, emptied afterwards."""
    async with engines.redis_key_prefix(redis_state_url) as prefix:
        yield prefix


@pytest.fixture
def kafka_bootstrap() -> str:
    """Kafka's bootstrap servers; topics go under `topic_prefix`."""
    return engines.env("KAFKA_BOOTSTRAP")


@pytest_asyncio.fixture
async def topic_prefix() -> AsyncIterator[str]:
    """A prefix of Kafka topics, which are deleted afterwards."""
    async with engines.kafka_topic_prefix() as prefix:
        yield prefix


@pytest.fixture
def s3_settings() -> Iterator[S3Settings]:
    """The settings of a fresh bucket."""
    with engines.s3_bucket_settings() as settings:
        yield settings
