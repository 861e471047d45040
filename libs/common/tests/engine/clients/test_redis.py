"""The Redis client against a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rookery_common.clients.redis import RedisClient, RedisRejected, RedisUnavailable
from rookery_common.errors import DeadlineExceeded
from rookery_common.rpc.deadline import deadline


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "test")
    await client.start()
    yield client
    await client.stop()


async def test_values_are_bytes(client: RedisClient, redis_prefix: str) -> None:
    await client.call("set", client.raw.set(f"{redis_prefix}a", b"\x00\xff"))
    assert await client.call("mget", client.raw.mget([f"{redis_prefix}a", f"{redis_prefix}b"])) == [b"\x00\xff", None]
    await client.check()


async def test_a_script_runs_also_where_the_server_has_forgotten_it(client: RedisClient, redis_prefix: str) -> None:
    script = client.script(f"return redis.call('INCRBY', KEYS[1], ARGV[1]) -- {redis_prefix}", name="add")
    assert await script([f"{redis_prefix}n"], [5]) == 5
    await client.raw.script_flush()
    assert await script([f"{redis_prefix}n"], [2]) == 7


async def test_a_wrong_command_is_a_defect(client: RedisClient, redis_prefix: str) -> None:
    await client.call("set", client.raw.set(f"{redis_prefix}a", "x"))
    with pytest.raises(RedisRejected):
        await client.call("incr", client.raw.incr(f"{redis_prefix}a"))
    with pytest.raises(RedisRejected):
        await client.script("this is not lua", name="wrong")([])


async def test_a_server_that_is_away_is_unavailable() -> None:
    client = RedisClient("redis://127.0.0.1:1/0", "test")
    with pytest.raises(RedisUnavailable):
        await client.check()
    await client.stop()


async def test_the_deadline_caps_a_call(client: RedisClient, redis_prefix: str) -> None:
    start = time.monotonic()
    with deadline(0.1), pytest.raises(RedisUnavailable):
        await client.call("blpop", client.raw.blpop([f"{redis_prefix}none"], timeout=5))
    assert time.monotonic() - start < 0.5
    with deadline(0), pytest.raises(DeadlineExceeded):
        await client.call("get", client.raw.get(f"{redis_prefix}a"))


async def test_more_calls_than_connections_wait_their_turn(client: RedisClient, redis_prefix: str) -> None:
    calls = [client.call("incr", client.raw.incr(f"{redis_prefix}n"), timeout=10) for _ in range(300)]
    assert sorted(await asyncio.gather(*calls)) == list(range(1, 301))
