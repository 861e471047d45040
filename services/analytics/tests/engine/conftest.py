from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from analytics_service import archivist
from analytics_service.app import MIGRATIONS, STATEMENTS
from analytics_service.repository.files import FileStore
from analytics_service.repository.manifest import Manifest
from analytics_service.repository.windows import CountedEvents, WindowRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.s3 import S3
from rookery_common.config import CqlSettings, S3Settings
from rookery_common.testing import FakeClock
from rookery_common.testing.cql import emptied_cql
from rookery_common.testing.engines import cql_keyspace_settings


class Files(FileStore):
    """Of the test's bucket, which it can read."""

    read: Any


@pytest.fixture(scope="session")
def keyspace() -> Iterator[CqlSettings]:
    """A keyspace of this run's own with the service's schema."""
    with cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        yield settings


@pytest_asyncio.fixture
async def cql(keyspace: CqlSettings) -> AsyncIterator[Cql]:
    """The keyspace, empty."""
    async with emptied_cql(keyspace, "analytics-test", STATEMENTS, MIGRATIONS) as client:
        yield client


@pytest.fixture
def windows(cql: Cql, clock: FakeClock) -> WindowRepository:
    return WindowRepository(cql, clock)


@pytest.fixture
def counted(cql: Cql) -> CountedEvents:
    return CountedEvents(cql)


@pytest.fixture
def manifest(cql: Cql, clock: FakeClock) -> Manifest:
    return Manifest(cql, clock)


@pytest_asyncio.fixture
async def s3(s3_settings: S3Settings) -> AsyncIterator[S3]:
    client = S3(s3_settings)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
def files(s3: S3, s3_settings: S3Settings) -> Files:
    files = Files(s3_settings)
    files.read = partial(archivist.read, s3)
    return files
