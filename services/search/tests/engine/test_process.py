"""The process against real engines: ready when they answer, and not ready, by name, when one does not."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rookery_common.testing.engines import env
from rookery_common.testing.process import service_process


@pytest.fixture
def environment(prefix: str, kafka_bootstrap: str, topic_prefix: str) -> dict[str, str]:
    return {
        "SEARCH_ELASTICSEARCH_URL": env("ELASTICSEARCH_URL"),
        "SEARCH_INDEX_PREFIX": prefix,
        "SEARCH_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "SEARCH_TOPIC_PREFIX": topic_prefix,
    }


async def test_the_process_is_ready_and_serves_health_over_grpc(environment: dict[str, str]) -> None:
    with service_process("search", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert "process_resident_memory_bytes" in process.probe("/metrics")[1]
        async with grpc.aio.insecure_channel(process.grpc_address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_engine_that_does_not_answer_keeps_the_process_from_being_ready(environment: dict[str, str]) -> None:
    with service_process("search", {**environment, "SEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:1"}) as process:
        assert process.probe("/readyz")[0] == 503
        assert process.failures() == {"elasticsearch": "ElasticUnavailable"}
        assert process.probe("/livez")[0] == 200
