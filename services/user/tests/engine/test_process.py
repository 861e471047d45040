"""The process against real engines."""

from __future__ import annotations

import pytest

from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.testing.process import service_process
from user_service.app import MIGRATIONS


@pytest.fixture
async def environment(
    pg_database: str, redis_url: str, redis_state_url: str, kafka_bootstrap: str, topic_prefix: str
) -> dict[str, str]:
    await migrate_postgres(pg_database, MIGRATIONS)
    return {
        "USER_POSTGRES_DSN": pg_database,
        "USER_REDIS_CACHE_URL": redis_url,
        "USER_REDIS_STATE_URL": redis_state_url,
        "USER_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "USER_TOPIC_PREFIX": topic_prefix,
    }


async def test_the_process_becomes_ready_and_stops_cleanly(environment: dict[str, str]) -> None:
    with service_process("user", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert "rookery_user_relationship_changes_total" in process.probe("/metrics")[1]


async def test_a_database_that_is_away_is_named(environment: dict[str, str]) -> None:
    away = {**environment, "USER_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/nothing"}
    with service_process("user", away) as process:
        assert set(process.failures()) == {"postgres", "worker_number"}
