"""The process against real engines: ready when they answer, and not ready, by name, when one does not."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rookery_common.config import CqlSettings
from rookery_common.testing.process import environment_of, service_process


@pytest.fixture
def environment(
    keyspace: CqlSettings, redis_url: str, redis_state_url: str, kafka_bootstrap: str, topic_prefix: str
) -> dict[str, str]:
    return {
        **environment_of("FEED_", keyspace),
        "FEED_REDIS_CACHE_URL": redis_url,
        "FEED_REDIS_STATE_URL": redis_state_url,
        "FEED_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "FEED_TOPIC_PREFIX": topic_prefix,
    }


def test_the_process_is_ready_and_serves_health_over_grpc(environment: dict[str, str]) -> None:
    with service_process("feed", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert "rookery_feed_deliveries_total" in process.probe("/metrics")[1]
        with grpc.insecure_channel(process.grpc_address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_process_is_ready_without_redis_and_kafka(environment: dict[str, str]) -> None:
    away = {
        "FEED_REDIS_CACHE_URL": "redis://127.0.0.1:1/0",
        "FEED_REDIS_STATE_URL": "redis://127.0.0.1:1/0",
        "FEED_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    with service_process("feed", environment | away) as process:
        assert process.probe("/readyz")[0] == 200
