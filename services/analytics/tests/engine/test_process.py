"""The process against real engines: ready with its database alone, small, and its archive read back by a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rookery_common.config import CqlSettings, S3Settings
from rookery_common.testing.process import environment_of, random_master_key, service_process

IDLE_BYTES = 130 * 1024 * 1024
AWAY = "127.0.0.1:1"


@pytest.fixture
def environment(
    keyspace: CqlSettings, s3_settings: S3Settings, kafka_bootstrap: str, topic_prefix: str
) -> dict[str, str]:
    return {
        **environment_of("ANALYTICS_", keyspace, s3_settings),
        "ANALYTICS_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "ANALYTICS_TOPIC_PREFIX": topic_prefix,
    }


def test_the_process_is_ready_small_and_serves_health_over_grpc(environment: dict[str, str]) -> None:
    with service_process("analytics", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert "rookery_analytics_counted_events_total" in process.probe("/metrics")[1]
        with grpc.insecure_channel(process.grpc_address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        resident = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert resident < IDLE_BYTES


def test_the_process_is_ready_without_kafka_and_s3(environment: dict[str, str]) -> None:
    away = {"ANALYTICS_KAFKA_BOOTSTRAP": AWAY, "ANALYTICS_S3_ENDPOINT": f"http://{AWAY}"}
    with service_process("analytics", environment | away) as process:
        assert process.probe("/readyz")[0] == 200


def test_an_archive_without_files_is_whole(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "analytics_service", "verify-archive"]
    own = {**os.environ, "ANALYTICS_MASTER_KEY": random_master_key(), **environment}
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - ours
    assert done.stdout == "0 events, all files are whole\n"
