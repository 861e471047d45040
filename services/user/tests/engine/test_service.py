"""The service over Postgres and Redis: what holds at once, and what is answered while an engine is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rookery_common.clients.postgres import Postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.errors import AppError, Unavailable
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc import deadline
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from user_service.relationships.models import FollowSettings
from user_service.relationships.repository import RelationshipRepository
from user_service.repository import UserRepository

if TYPE_CHECKING:
    from tests.conftest import World

NOTHING = FollowSettings()
UNKNOWN = 404


async def test_a_change_holds_for_the_next_read_at_any_replica(
    real_world: World,
    clock: FakeClock,
    ids: FakeIds,
    redis_url: str,
    redis_prefix: str,
    make_world: Callable[..., World],
) -> None:
    redis = RedisClient(redis_url, "other")
    other = make_world(real_world.repository, real_world.ties, redis, clock, ids, redis_prefix)
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    for _ in range(3):
        assert not (await other.relationships.between([(alice, bob)]))[alice, bob].following
        assert (await other.counts(bob)).followers == 0
    await real_world.relationships.follow(alice, bob, NOTHING)
    assert (await other.relationships.between([(alice, bob)]))[alice, bob].following
    assert (await other.counts(bob)).followers == 1
    await redis.stop()


async def test_reads_beside_changes_never_answer_what_was_before(real_world: World) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    service, stop = real_world.relationships, asyncio.Event()

    async def read() -> None:
        while not stop.is_set():
            await service.between([(alice, bob)])
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for _ in range(30):
        await service.follow(alice, bob, NOTHING)
        assert (await service.between([(alice, bob)]))[alice, bob].following
        await service.unfollow(alice, bob)
        assert not (await service.between([(alice, bob)]))[alice, bob].following
    stop.set()
    await asyncio.gather(*readers)


async def test_what_is_cached_is_answered_while_the_database_is_away(real_world: World, pg: Postgres) -> None:
    alice, bob, carol = [await real_world.sign_up(name) for name in ("alice", "bob", "carol")]
    for _ in range(2):
        await real_world.relationships.between([(alice, bob)])
    await pg.stop()
    assert set(await real_world.relationships.between([(alice, bob), (alice, carol)])) == {(alice, bob)}
    await pg.start()


async def test_profiles_that_are_cached_are_answered_while_the_database_is_away(
    real_world: World, pg: Postgres
) -> None:
    alice, bob = [await real_world.sign_up(name) for name in ("alice", "bob")]
    for _ in range(2):
        await real_world.service.account_views([alice, UNKNOWN])
    await pg.stop()
    views, failures = await real_world.service.known_views([alice, bob, UNKNOWN])
    assert (set(views), set(failures)) == ({alice}, {bob})
    with pytest.raises(Unavailable):
        await real_world.service.account_views([bob])
    await pg.start()


async def test_an_account_that_was_asked_for_too_early_is_found_once_it_is_there(real_world: World) -> None:
    service = real_world.service
    reservation = await service.reserve_account("request", "alice")
    for _ in range(3):
        assert await service.account_views([reservation.account_id]) == {}
    await service.confirm_account(reservation.account_id, "request")
    assert (await service.account_views([reservation.account_id])).keys() == {reservation.account_id}


async def test_one_who_is_asked_for_by_many_at_once_is_read_once(
    real_world: World, sent: Callable[[str], float]
) -> None:
    alice = await real_world.sign_up("alice")
    before = sent("accounts_with_counts")
    await asyncio.gather(*(real_world.service.account_views([alice]) for _ in range(20)))
    assert sent("accounts_with_counts") - before == 1


async def test_without_redis_follows_work_and_hold(
    pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds, make_world: Callable[..., World]
) -> None:
    redis = RedisClient("redis://127.0.0.1:1/0", "away")
    world = make_world(UserRepository(pg, outbox), RelationshipRepository(pg, outbox), redis, clock, ids)
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    assert (await world.relationships.follow(alice, bob, NOTHING)).following
    assert (await world.relationships.between([(alice, bob)]))[alice, bob].following
    assert (await world.counts(bob)).followers == 1
    await world.service._caches.views.stop()
    await world.service._caches.relationships.stop()
    await redis.stop()


async def test_a_change_waits_for_another_of_the_two_no_longer_than_its_deadline(
    real_world: World,
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    await real_world.relationships.follow(alice, bob, NOTHING)
    async with real_world.ties.transaction([(bob, alice)]):
        with deadline(0.2), pytest.raises(AppError):
            await real_world.relationships.unfollow(alice, bob)
    assert (await real_world.relationships.between([(alice, bob)]))[alice, bob].following


async def test_an_event_is_published_once_the_change_is_committed(
    real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    producer.away = True
    await real_world.relationships.follow(alice, bob, NOTHING)
    await outbox.drain()
    producer.away = False
    before = len(producer.sent)
    immediate = PostgresOutbox(real_world.repository._pg, producer, "user", grace_seconds=-3600 * 24 * 3650)
    assert await immediate.sweep(producer) >= 1
    swept = producer.sent[before:]
    assert [event.type for event in swept if event.key == f"{alice}:{bob}"] == ["rookery.user.v1.FollowCreated"]
