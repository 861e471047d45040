"""Namespaces of real engines for one test: made on demand, dropped afterwards. A missing engine fails the test."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from rookery_common.config import CqlSettings, S3Settings

ENGINE_SECONDS = 60.0


class EngineMissing(AssertionError):
    """An engine test was run without its engine; it fails instead of being skipped, so that nothing passes unseen."""


def env(name: str) -> str:
    """ROOKERY_TEST_<name>, which `make test` sets to the engines that it started."""
    variable = f"ROOKERY_TEST_{name}"
    value = os.environ.get(variable)
    if not value:
        raise EngineMissing(f"{variable} is not set: this test needs a real engine (see `make test`)")
    return value


def unique_name(kind: str) -> str:
    """A name that no other run uses: lower case letters, digits and underscores."""
    return f"test_{kind}_{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def postgres_database() -> AsyncIterator[str]:
    """The DSN of a fresh, empty database."""
    import asyncpg

    admin_dsn, name = env("POSTGRES_DSN"), unique_name("db")
    admin = await asyncpg.connect(admin_dsn, timeout=ENGINE_SECONDS, command_timeout=ENGINE_SECONDS)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{name}"))
        finally:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


def _cql_settings(keyspace: str) -> CqlSettings:
    return CqlSettings(
        cql_hosts=env("CQL_HOSTS"),
        cql_port=int(env("CQL_PORT")),
        cql_username=os.environ.get("ROOKERY_TEST_CQL_USERNAME", ""),
        cql_password=SecretStr(os.environ.get("ROOKERY_TEST_CQL_PASSWORD", "")),
        cql_keyspace=keyspace,
        cql_local_dc="",
    )


@contextmanager
def _cql_session(settings: CqlSettings) -> Iterator[Any]:
    from cassandra.cluster import ExecutionProfile

    from rookery_common.clients.cassandra import connect_cluster

    cluster = connect_cluster(settings, ExecutionProfile(request_timeout=ENGINE_SECONDS))
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def execute_cql(settings: CqlSettings, *statements: str) -> None:
    """Runs statements as they are, in the settings' keyspace; for schemas and for looking behind a client's back."""
    with _cql_session(settings) as session:
        session.set_keyspace(settings.cql_keyspace)
        for statement in statements:
            session.execute(statement)


@contextmanager
def cql_keyspace_settings() -> Iterator[CqlSettings]:
    """The settings of a fresh, empty keyspace of one replica, without a commit log: no test outlives its engine."""
    settings = _cql_settings(unique_name("ks"))
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    with _cql_session(settings) as session:
        session.execute(
            f"CREATE KEYSPACE {settings.cql_keyspace} WITH replication = {replication} AND durable_writes = false"
        )
        try:
            yield settings
        finally:
            session.execute(f"DROP KEYSPACE {settings.cql_keyspace}")


async def forget_keys(redis: Any, prefix: str) -> None:
    """As if Redis had been emptied, but of the test's own keys alone: other tests run beside it."""
    async for key in redis.scan_iter(match=f"{prefix}*", count=1000):
        await redis.unlink(key)


@asynccontextmanager
async def redis_key_prefix(url: str) -> AsyncIterator[str]:
    """A key prefix of this test's own; what was written under it is deleted afterwards."""
    from redis.asyncio import Redis

    prefix = f"{unique_name('keys')}:"
    yield prefix
    client = Redis.from_url(url, socket_timeout=ENGINE_SECONDS)
    try:
        await forget_keys(client, prefix)
    finally:
        await client.aclose()


@asynccontextmanager
async def kafka_topic_prefix() -> AsyncIterator[str]:
    """A topic prefix of this test's own; its topics are deleted afterwards."""
    from confluent_kafka.admin import AdminClient

    prefix = f"{unique_name('topics')}."
    admin = AdminClient({"bootstrap.servers": env("KAFKA_BOOTSTRAP")})
    yield prefix
    topics = await asyncio.to_thread(lambda: list(admin.list_topics(timeout=ENGINE_SECONDS).topics))
    ours = [topic for topic in topics if topic.startswith(prefix)]
    if ours:
        deletions = admin.delete_topics(ours, operation_timeout=ENGINE_SECONDS)
        await asyncio.gather(*(asyncio.wrap_future(future) for future in deletions.values()))


@contextmanager
def s3_bucket_settings() -> Iterator[S3Settings]:
    """The settings of a fresh, empty bucket."""
    import boto3
    from botocore.config import Config

    settings = S3Settings(
        s3_endpoint=env("S3_ENDPOINT"),
        s3_access_key=SecretStr(env("S3_ACCESS_KEY")),
        s3_secret_key=SecretStr(env("S3_SECRET_KEY")),
        s3_bucket=unique_name("bucket").replace("_", "-"),
        s3_public_url="",
        s3_region="us-east-1",
    )
    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.s3_access_key.get_secret_value(),
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        region_name=settings.s3_region,
        config=Config(connect_timeout=ENGINE_SECONDS, read_timeout=ENGINE_SECONDS, s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=settings.s3_bucket)
    try:
        yield settings
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=settings.s3_bucket):
            for item in page.get("Contents", []):
                client.delete_object(Bucket=settings.s3_bucket, Key=item["Key"])
        client.delete_bucket(Bucket=settings.s3_bucket)
        client.close()
