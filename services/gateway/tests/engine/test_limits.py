"""Rate limits in a real Redis: shared by all replicas, and counted by each for itself while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway_service.limits import gcra
from gateway_service.limits.gcra import LocalBuckets, RedisBuckets, Spend
from gateway_service.limits.rules import Limit
from rookery_common.clients.redis import RedisClient, RedisUnavailable
from rookery_common.testing.engines import unique_name
from rookery_common.testing.waiting import PATIENCE_SECONDS

SLOW = Limit(3, 3600)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here is how Redis counts, and not how fast."""
    monkeypatch.setattr(gcra, "CALL_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def key() -> str:
    return unique_name("limit")


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "test")
    yield client
    await client.stop()


@pytest.fixture(params=["single", "cluster"])
def buckets(redis: RedisClient, request: pytest.FixtureRequest) -> RedisBuckets:
    """Keys by shards work on one server too."""
    return RedisBuckets(redis, cluster=request.param == "cluster")


async def test_redis_and_process_count_alike(buckets: RedisBuckets, key: str) -> None:
    local = LocalBuckets()
    for _ in range(5):
        [shared], [own] = await buckets.take([Spend(key, SLOW)]), local.take([Spend(key, SLOW)])
        assert shared.remaining == own.remaining
        assert shared.wait_seconds == pytest.approx(own.wait_seconds, abs=5)
        assert shared.reset_seconds == pytest.approx(own.reset_seconds, abs=5)


async def test_replicas_share_what_is_left(redis: RedisClient, key: str) -> None:
    replicas = [RedisBuckets(redis, cluster=False) for _ in range(3)]
    levels = await asyncio.gather(*(replica.take([Spend(key, Limit(50, 3600))]) for replica in replicas * 30))
    assert sum(level.wait_seconds == 0 for [level] in levels) == 50


async def test_requests_at_once_share_calls_and_each_hears_its_own(buckets: RedisBuckets, key: str) -> None:
    spends = [
        [Spend(f"{key}:{number}", Limit(number + 1, 3600)), Spend(key, Limit(1000, 3600))] for number in range(200)
    ]
    levels = await asyncio.gather(*(buckets.take(each) for each in spends))
    assert [own.remaining for own, _ in levels] == list(range(200))
    assert sorted(common.remaining for _, common in levels) == list(range(800, 1000))


async def test_what_is_unused_again_leaves_nothing_behind(redis: RedisClient, key: str) -> None:
    buckets = RedisBuckets(redis, cluster=False)
    await buckets.take([Spend(key, Limit(10, 2))])
    left_ms = await redis.call("pttl", redis.raw.pttl(f"gateway:limit:{{0}}:{key}"))
    assert 0 < left_ms <= 200


async def test_redis_that_is_away_is_told_to_all_who_wait() -> None:
    client = RedisClient("redis://127.0.0.1:1/0", "test")
    buckets = RedisBuckets(client, cluster=False)
    results = await asyncio.gather(*(buckets.take([Spend("k", SLOW)]) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, RedisUnavailable) for result in results)
    await client.stop()
