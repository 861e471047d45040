"""The Elasticsearch client against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rookery_common.clients.elasticsearch import (
    DocumentConflict,
    DocumentNotFound,
    Elastic,
    ElasticRejected,
    ElasticUnavailable,
)
from rookery_common.testing.engines import env, unique_name


@pytest_asyncio.fixture
async def elastic() -> AsyncIterator[Elastic]:
    client = Elastic(env("ELASTICSEARCH_URL"), "test")
    await client.start()
    yield client
    await client.stop()


@pytest_asyncio.fixture
async def index(elastic: Elastic) -> AsyncIterator[str]:
    name = unique_name("index")
    await elastic.request("create", "PUT", f"/{name}", body={"settings": {"number_of_replicas": 0}})
    yield name
    await elastic.request("drop", "DELETE", f"/{name}")


async def test_documents_are_written_in_bulk_and_found(elastic: Elastic, index: str) -> None:
    lines = [{"index": {"_id": "1"}}, {"text": "rooks nest high"}, {"index": {"_id": "2"}}, {"text": "crows do not"}]
    answer = await elastic.request("bulk", "POST", f"/{index}/_bulk", params={"refresh": "true"}, body=lines)
    assert answer["errors"] is False
    query = {"query": {"match": {"text": "rooks"}}}
    found = await elastic.request("search", "POST", f"/{index}/_search", body=query)
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]
    await elastic.check()


async def test_failures_are_told_by_kind(elastic: Elastic, index: str) -> None:
    newer = {"version": "2", "version_type": "external"}
    await elastic.request("put", "PUT", f"/{index}/_doc/1", params=newer, body={"text": "a"})
    with pytest.raises(DocumentConflict):
        await elastic.request("put", "PUT", f"/{index}/_doc/1", params=newer, body={"text": "b"})
    with pytest.raises(DocumentNotFound):
        await elastic.request("get", "GET", f"/{index}/_doc/2")
    with pytest.raises(ElasticRejected):
        await elastic.request("search", "POST", f"/{index}/_search", body={"query": {"nothing": {}}})


async def test_an_engine_that_is_away_is_unavailable() -> None:
    client = Elastic("http://127.0.0.1:1", "test")
    with pytest.raises(ElasticUnavailable):
        await client.check()
    await client.stop()
