"""The namespaces that tests get are usable, empty, and gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import boto3
import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from redis.asyncio import Redis

from rookery_common.config import S3Settings
from rookery_common.testing import engines
from rookery_common.testing.postgres import migrated_postgres


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def test_a_database_is_fresh_and_dropped() -> None:
    async with engines.postgres_database() as dsn:
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_user_tables") == 0
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn)
    assert urlsplit(dsn).path != urlsplit(engines.env("POSTGRES_DSN")).path
    await connection.close()


_SCHEMA = """
CREATE TABLE roles (role_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
INSERT INTO roles (name) VALUES ('user'), ('moderator');
CREATE TABLE people (name text, role_id bigint REFERENCES roles);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append only'; END $$;
CREATE TRIGGER append_only BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_a_database_is_emptied_to_what_its_migrations_left(tmp_path: Path) -> None:
    (tmp_path / "20260101T0000_create_roles.sql").write_text(_SCHEMA)

    async def change(dsn: str) -> list[str]:
        connection = await asyncpg.connect(dsn)
        before = [row["name"] for row in await connection.fetch("SELECT name FROM roles ORDER BY role_id")]
        before += [row["name"] for row in await connection.fetch("SELECT name FROM people")]
        await connection.execute("INSERT INTO people VALUES ('ada', 2); UPDATE roles SET name = 'nobody'")
        await connection.execute("INSERT INTO roles (name) VALUES ('another')")
        await connection.close()
        return before

    with migrated_postgres(tmp_path) as database:
        for _ in range(2):
            assert asyncio.run(change(database.dsn)) == ["user", "moderator"]
            asyncio.run(database.empty())


async def test_keys_under_the_prefix_are_deleted(redis: Redis, redis_url: str) -> None:
    async with engines.redis_key_prefix(redis_url) as prefix:
        await redis.set(f"{prefix}one", "1")
    assert await redis.exists(f"{prefix}one") == 0


async def test_topics_under_the_prefix_are_deleted(kafka_bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    async with engines.kafka_topic_prefix() as prefix:
        topic = f"{prefix}post.events.v1"
        await asyncio.wrap_future(admin.create_topics([NewTopic(topic, 1, 1)])[topic])
    assert topic not in (await asyncio.to_thread(admin.list_topics, timeout=10)).topics


def test_a_bucket_takes_objects_and_is_deleted() -> None:
    with engines.s3_bucket_settings() as settings:
        client = client_of(settings)
        client.put_object(Bucket=settings.s3_bucket, Key="a/b", Body=b"x")
        assert client.get_object(Bucket=settings.s3_bucket, Key="a/b")["Body"].read() == b"x"
    names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    client.close()
    assert settings.s3_bucket not in names


def client_of(settings: S3Settings) -> boto3.client:
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        region_name=settings.s3_region,
    )


def test_a_missing_engine_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROOKERY_TEST_POSTGRES_DSN", raising=False)
    with pytest.raises(AssertionError, match="ROOKERY_TEST_POSTGRES_DSN"):
        engines.env("POSTGRES_DSN")
