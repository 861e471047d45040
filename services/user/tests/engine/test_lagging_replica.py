"""A replica that hears of nothing any more: what is changed is seen all the same, by whoever asks next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio

from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.engines import env, unique_name
from rookery_common.testing.events import FakeProducer
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
ADMIN_SECONDS = 60.0


@pytest_asyncio.fixture
async def stale_dsn(pg_database: str) -> AsyncIterator[str]:
    """The name of a database that is to become the replica."""
    admin_dsn, name = env("POSTGRES_DSN"), unique_name("stale")
    yield urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{name}"))
    admin = await asyncpg.connect(admin_dsn, timeout=ADMIN_SECONDS, command_timeout=ADMIN_SECONDS)
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await admin.close()


async def _freeze(dsn: str, stale_dsn: str) -> None:
    """Copies the database as it is now; nothing of what comes later will ever be in the copy."""
    admin = await asyncpg.connect(env("POSTGRES_DSN"), timeout=ADMIN_SECONDS, command_timeout=ADMIN_SECONDS)
    source, copy = urlsplit(dsn).path[1:], urlsplit(stale_dsn).path[1:]
    await admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
    await admin.close()


def _world(pg: Postgres, redis: RedisClient, clock: FakeClock, ids: FakeIds, prefix: str, make: MakeWorld) -> World:
    outbox = PostgresOutbox(pg, FakeProducer(), "user")
    return make(UserRepository(pg, outbox), RelationshipRepository(pg, outbox), redis, clock, ids, prefix)


async def test_a_replica_that_lags_shows_nothing_that_was_taken_back(
    pg_database: str,
    stale_dsn: str,
    redis_url: str,
    redis_prefix: str,
    clock: FakeClock,
    ids: FakeIds,
    make_world: MakeWorld,
) -> None:
    await migrate_postgres(pg_database, MIGRATIONS)
    redis = RedisClient(redis_url, "test")
    before = Postgres(pg_database, pool_size=2, name="before")
    await before.start()
    world = _world(before, redis, clock, ids, redis_prefix, make_world)
    alice, bob, carol, dan = [await world.sign_up(name) for name in ("alice", "bob", "carol", "dan")]
    await world.relationships.follow(carol, alice, NOTHING)
    await before.stop()
    await _freeze(pg_database, stale_dsn)
    pg = Postgres(pg_database, stale_dsn, pool_size=2, name="lagging")
    await pg.start()
    world = _world(pg, redis, clock, ids, redis_prefix, make_world)
    clock.advance(REPLICA_LAG_MS / 1000 + 1)
    assert await world.lists.followers(0, alice, 0, "") == ([carol], "")

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
    outbox = PostgresOutbox(pg, FakeProducer(), "user")
    profiles = Profiles(ProfileRepository(pg, outbox), world.service._caches, Events(clock), clock)
    await profiles.update(alice, ProfileChange(locked=True))
    assert (await world.service.account_views([alice]))[alice].version == 2
    assert (await world.relationships.follow(dan, alice, NOTHING)).requested

    # A Redis that has forgotten when what changed: then nothing is taken from the replica.
    forgetful = _world(pg, redis, clock, ids, f"{redis_prefix}forgetful:", make_world)
    assert (await forgetful.service.account_views([alice]))[alice].version == 2
    assert await forgetful.lists.followers(0, alice, 0, "") == ([bob], "")
    await pg.stop()
    await redis.stop()
