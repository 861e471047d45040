"""A real replica that hears of nothing any more: what is changed is seen all the same, by whoever asks next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio
from rookery_local.postgres_pair import PostgresPair, postgres_pair

from rookery_common.clients import postgres_replica
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.engines import unique_name
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.waiting import eventually
from user_service.app import MIGRATIONS
from user_service.cache import REPLICA_LAG_MS
from user_service.events import Events
from user_service.profiles.models import ProfileChange
from user_service.profiles.repository import ProfileRepository
from user_service.profiles.service import Profiles
from user_service.relationships.models import FollowSettings, Relationship
from user_service.relationships.repository import RelationshipRepository
from user_service.repository import UserRepository

if TYPE_CHECKING:
    from tests.conftest import World

MakeWorld = Callable[..., "World"]
NOTHING = FollowSettings()
SECONDS = 60.0


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    with postgres_pair() as pair:
        yield pair


@pytest_asyncio.fixture
async def pg(pair: PostgresPair, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres]:
    """A database that is read from a replica, which is trusted however far it is behind: the worst that may be."""
    monkeypatch.setattr(postgres_replica, "REPLICA_LAG_SECONDS", 1e9)
    name = unique_name("db")
    await _at(pair.dsn("postgres"), f'CREATE DATABASE "{name}"')
    await migrate_postgres(pair.dsn(name), MIGRATIONS)
    pg = Postgres(pair.dsn(name), pair.replica_dsn(name), pool_size=2, name="lagging")
    await pg.start()
    yield pg
    await pg.stop()


async def _at(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=SECONDS, command_timeout=SECONDS)
    await connection.execute(sql)
    await connection.close()


@asynccontextmanager
async def _paused(pg: Postgres, pair: PostgresPair) -> AsyncIterator[None]:
    """The replica has all up to here, and nothing of what comes after."""
    async with pg.read(primary=True) as connection:
        written = await connection.fetchval("written", "SELECT pg_current_wal_flush_lsn()::text")

    async def caught_up() -> bool:
        async with pg.read() as connection:
            return bool(await connection.fetchval("caught_up", _CAUGHT_UP, written))

    await eventually(caught_up, SECONDS)
    await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        await _at(pair.replica_dsn("postgres"), "SELECT pg_wal_replay_resume()")


_CAUGHT_UP = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::text::pg_lsn"


def _reads() -> float:
    return float(postgres_replica.READS.labels("lagging", "replica")._value.get())


def _world(pg: Postgres, redis: RedisClient, clock: FakeClock, ids: FakeIds, prefix: str, make: MakeWorld) -> World:
    outbox = PostgresOutbox(pg, FakeProducer(), "user")
    return make(UserRepository(pg, outbox), RelationshipRepository(pg, outbox), redis, clock, ids, prefix)


def _profiles(pg: Postgres, world: World) -> Profiles:
    repository = ProfileRepository(pg, PostgresOutbox(pg, FakeProducer(), "user"))
    return Profiles(repository, world.caches, Events(world.clock), world.clock, FakeIds())


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    redis = RedisClient(redis_url, "test")
    yield redis
    await redis.stop()


async def test_a_replica_that_lags_shows_nothing_that_was_taken_back(
    pg: Postgres,
    pair: PostgresPair,
    redis: RedisClient,
    redis_prefix: str,
    clock: FakeClock,
    ids: FakeIds,
    make_world: MakeWorld,
) -> None:
    world = _world(pg, redis, clock, ids, redis_prefix, make_world)
    alice, bob, carol, dan = [await world.sign_up(name) for name in ("alice", "bob", "carol", "dan")]
    await world.relationships.follow(carol, alice, NOTHING)
    await world.service.account_views([alice, bob, carol, dan])
    async with _paused(pg, pair):
        clock.advance(REPLICA_LAG_MS / 1000 + 1)
        before = _reads()
        assert await world.lists.followers(0, alice, 0, "") == ([carol], "")
        assert [each.account_id for each in await world.service.lookup_accounts(["Alice", "nobody"])] == [alice]
        assert _reads() > before

        await world.relationships.follow(bob, alice, NOTHING)
        assert await world.lists.followers(bob, alice, 0, "") == ([bob, carol], "")
        assert (await world.counts(alice)).followers == 2
        await world.relationships.block(alice, carol)
        for _ in range(2):  # read, and from the cache
            assert await world.relationships.between([(carol, alice)]) == {
                (carol, alice): Relationship(alice, blocked_by=True)
            }
        assert await world.lists.followers(bob, alice, 0, "") == ([bob], "")
        assert await world.lists.followers(carol, alice, 0, "") == ([], "")
        await _profiles(pg, world).update(alice, ProfileChange(locked=True, hide_collections=True))
        assert (await world.service.account_views([alice]))[alice].version == 2
        assert [each.locked for each in await world.service.lookup_accounts(["alice"])] == [True]
        assert await world.lists.followers(dan, alice, 0, "") == ([], "")
        assert (await world.relationships.follow(dan, alice, NOTHING)).requested

        # A Redis that has forgotten when what changed: then nothing is taken from the replica.
        forgetful = _world(pg, redis, clock, ids, f"{redis_prefix}forgetful:", make_world)
        assert (await forgetful.service.account_views([alice]))[alice].version == 2
        assert [each.locked for each in await forgetful.service.lookup_accounts(["alice"])] == [True]
        assert await forgetful.lists.followers(0, alice, 0, "") == ([], "")


async def test_who_has_just_come_is_found_although_the_replica_has_not_heard_of_them(
    pg: Postgres,
    pair: PostgresPair,
    redis: RedisClient,
    redis_prefix: str,
    clock: FakeClock,
    ids: FakeIds,
    make_world: MakeWorld,
) -> None:
    world = _world(pg, redis, clock, ids, redis_prefix, make_world)
    async with _paused(pg, pair):
        eve = await world.sign_up("eve")
        assert [each.account_id for each in await world.service.lookup_accounts(["eve"])] == [eve]
        assert eve in await world.service.account_views([eve])
        assert await world.lists.followers(eve, eve, 0, "") == ([], "")


async def test_a_replica_that_is_gone_is_missed_by_nobody(
    pg: Postgres,
    pair: PostgresPair,
    redis: RedisClient,
    redis_prefix: str,
    clock: FakeClock,
    ids: FakeIds,
    make_world: MakeWorld,
) -> None:
    world = _world(pg, redis, clock, ids, redis_prefix, make_world)
    alice, bob = [await world.sign_up(name) for name in ("alice", "bob")]
    await world.service.account_views([alice, bob])
    clock.advance(REPLICA_LAG_MS / 1000 + 1)
    before = _reads()
    await eventually(lambda: _read_at_replica(world, alice, before), SECONDS)
    pair.kill_replica()
    answers = await asyncio.gather(*(world.lists.followers(0, alice, 0, "") for _ in range(10)))
    assert answers == [([], "")] * 10
    await world.relationships.follow(bob, alice, NOTHING)
    assert await world.lists.followers(0, alice, 0, "") == ([bob], "")


async def _read_at_replica(world: World, account_id: int, before: float) -> bool:
    await world.lists.followers(0, account_id, 0, "")
    return _reads() > before
