"""Indices of a test's own, and what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from rookery_common.clients.elasticsearch import DocumentNotFound, Elastic
from rookery_common.testing.engines import env, unique_name
from search_service.app import MIGRATIONS
from search_service.models import Kind
from search_service.repository.documents import Documents
from search_service.repository.indices import Indices
from search_service.service.indexing import Indexer

Dump = Callable[[Kind], Awaitable[dict[int, tuple[int, dict[str, Any]]]]]


@pytest_asyncio.fixture
async def elastic() -> AsyncIterator[Elastic]:
    client = Elastic(env("ELASTICSEARCH_URL"), "search-test")
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def prefix(elastic: Elastic) -> AsyncIterator[str]:
    """What the names of a test's indices begin with; they and their templates are dropped afterwards."""
    name = unique_name("search").replace("_", "-") + "-"
    yield name
    found = await elastic.request("list", "GET", f"/{name}*")
    if found:
        await elastic.request("drop", "DELETE", f"/{','.join(found)}")
    with suppress(DocumentNotFound):
        await elastic.request("drop", "DELETE", f"/_index_template/{name}*")


@pytest.fixture
def unmigrated(elastic: Elastic, prefix: str) -> Indices:
    """Before the first `migrate`."""
    return Indices(elastic, prefix, MIGRATIONS)


@pytest_asyncio.fixture
async def indices(unmigrated: Indices) -> Indices:
    await unmigrated.migrate()
    return unmigrated


@pytest.fixture
def documents(elastic: Elastic) -> Documents:
    return Documents(elastic)


@pytest.fixture
def indexer(unmigrated: Indices, documents: Documents) -> Indexer:
    return Indexer(unmigrated, documents)


@pytest.fixture
def dump(elastic: Elastic, unmigrated: Indices) -> Dump:
    """Everything that searches read of a kind, tombstones and all: version and fields by id."""

    async def everything(kind: Kind) -> dict[int, tuple[int, dict[str, Any]]]:
        alias = unmigrated.read_alias(kind)
        await elastic.request("refresh", "POST", f"/{alias}/_refresh")
        body = {"size": 10_000, "version": True, "query": {"match_all": {}}}
        answer = await elastic.request("dump", "POST", f"/{alias}/_search", body=body)
        return {int(hit["_id"]): (hit["_version"], hit["_source"]) for hit in answer["hits"]["hits"]}

    return everything
