"""A password that is changed in the engine and in its file goes on working, without a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from rookery_common.clients.postgres import Postgres, PostgresUnavailable
from rookery_common.clients.redis import RedisClient, RedisUnavailable
from rookery_common.config import PostgresSettings, RedisSettings
from rookery_common.ids import uuid7


def with_user(url: str, user: str) -> SecretStr:
    """The address without a password."""
    parts = urlsplit(url)
    return SecretStr(parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}").geturl())


async def test_postgres_is_shown_the_password_of_the_file(pg_database: str, tmp_path: Path) -> None:
    user = f"renewed_{uuid7().replace('-', '')}"
    file = tmp_path / "password"
    file.write_text("first")
    settings = PostgresSettings(postgres_dsn=with_user(pg_database, user), postgres_password_file=str(file))
    admin = await asyncpg.connect(pg_database)
    await admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'first'")
    try:
        await check(settings)
        await admin.execute(f"ALTER ROLE {user} PASSWORD 'second'")
        with pytest.raises(PostgresUnavailable):
            await check(settings)
        pg = Postgres.from_settings(settings, name="test")
        await pg.start()
        file.write_text("second")
        await pg.check()
        await pg.stop()
    finally:
        await admin.execute(f"DROP ROLE {user}")
        await admin.close()


async def check(settings: PostgresSettings) -> None:
    """Logs in anew."""
    pg = Postgres.from_settings(settings, name="test")
    await pg.start()
    try:
        await pg.check()
    finally:
        await pg.stop()


async def test_redis_is_shown_the_password_of_the_file(redis_url: str, tmp_path: Path) -> None:
    user = f"renewed-{uuid7()}"
    file = tmp_path / "password"
    file.write_text("first")
    url = with_user(redis_url, user)
    settings = RedisSettings(redis_cache_url=url, redis_state_url=url, redis_cache_password_file=str(file))
    admin: Any
    async with Redis.from_url(redis_url) as admin:
        await admin.execute_command("ACL", "SETUSER", user, "on", ">first", "+ping", "+client", "+hello")
        try:
            client = RedisClient.cache(settings, "test")
            await client.check()
            await admin.execute_command("ACL", "SETUSER", user, "resetpass", ">second")
            await admin.execute_command("CLIENT", "KILL", "USER", user)
            with pytest.raises(RedisUnavailable):
                await client.check()
            file.write_text("second")
            await client.check()
            await client.stop()
        finally:
            await admin.execute_command("ACL", "DELUSER", user)
