"""Many at once: one name, one follow, counts equal to rows, events in an unbroken line of versions."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rookery_common.clients.postgres import Postgres
from rookery_common.errors import Unavailable
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.events import FakeProducer
from user_service.errors import UsernameTaken
from user_service.models import PostFact
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

NOTHING = FollowSettings()
T = TypeVar("T")
_FACTS = """
SELECT (SELECT count(*) FROM follows_by_follower WHERE active) AS forward,
       (SELECT count(*) FROM follows_by_followee) AS backward,
       (SELECT coalesce(sum(followers), 0) FROM account_counts) AS followers,
       (SELECT coalesce(sum(following), 0) FROM account_counts) AS following,
       (SELECT count(*) FROM follows_by_follower f
        JOIN follows_by_followee b USING (follower_id, followee_id, follow_id) WHERE f.active) AS both_ends
"""


async def _insisting(call: Callable[..., Awaitable[T]], *args: object) -> T:
    """As a client would: on a slow machine the queue for one row is longer than a call may wait."""
    while True:
        try:
            return await call(*args)
        except Unavailable:
            await asyncio.sleep(0.05)


async def _facts(pg: Postgres) -> set[int]:
    async with pg.read() as connection:
        row: Any = await connection.fetchrow("facts", _FACTS)
    return {int(value) for value in row.values()}


def _versions(producer: FakeProducer) -> dict[str, list[int]]:
    versions = defaultdict(list)
    for event in producer.sent:
        versions[event.key].append(event.version)
    return {key: sorted(found) for key, found in versions.items()}


async def test_fifty_follows_and_unfollows_of_one_pair_leave_counts_equal_to_rows(
    real_world: World, pg: Postgres, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    service, order = real_world.relationships, random.Random(7)

    async def one(follows: bool) -> None:
        await (_insisting(service.follow, alice, bob, NOTHING) if follows else _insisting(service.unfollow, alice, bob))

    await asyncio.gather(*(one(order.random() < 0.5) for _ in range(50)))
    relationship = (await service.between([(alice, bob)]))[alice, bob]
    expected = int(relationship.following)
    assert await _facts(pg) == {expected}
    assert (await real_world.counts(bob)).followers == (await real_world.counts(alice)).following == expected
    await outbox.drain()
    versions = _versions(producer)[f"{alice}:{bob}"]
    assert versions == list(range(1, len(versions) + 1))
    follows = sorted((event for event in producer.sent if ":" in event.key), key=lambda event: event.version)
    kinds = [event.type.rpartition(".")[2] for event in follows]
    assert kinds == [("FollowCreated", "FollowEnded")[index % 2] for index in range(len(kinds))]


async def test_everyone_following_everyone_at_once_meets_no_deadlock(real_world: World, pg: Postgres) -> None:
    accounts = [await real_world.sign_up(f"user{i}") for i in range(6)]
    pairs = [(a, b) for a in accounts for b in accounts if a != b]
    random.Random(3).shuffle(pairs)
    follow = real_world.relationships.follow
    await asyncio.gather(*(_insisting(follow, a, b, NOTHING) for a, b in pairs for _ in range(2)))
    assert await _facts(pg) == {30}
    for account in accounts:
        counts = await real_world.counts(account)
        assert (counts.followers, counts.following) == (5, 5)


async def test_one_of_many_gets_the_name(real_world: World) -> None:
    reserve = real_world.service.reserve_account
    tries = [_insisting(reserve, f"r{i}", "alice") for i in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, UsernameTaken) for result in results) == 19


async def test_a_request_repeated_at_once_is_one_account(
    real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    service = real_world.service
    reservations = await asyncio.gather(*(_insisting(service.reserve_account, "r", "alice") for _ in range(20)))
    assert len({reservation.account_id for reservation in reservations}) == 1
    account_id = reservations[0].account_id
    accounts = await asyncio.gather(*(_insisting(service.confirm_account, account_id, "r") for _ in range(20)))
    assert len(set(accounts)) == 1
    await outbox.drain()
    assert _versions(producer) == {str(account_id): [1]}


async def test_posts_told_of_by_many_deliveries_at_once_count_once(real_world: World, clock: FakeClock) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    news = [
        PostFact(author, post, version, counted=version < 3, deleted=version == 3, created_at=clock.now())
        for author in (alice, bob)
        for post in range(10)
        for version in range(1, 4 if post % 2 else 3)
    ]

    async def deliver(seed: int) -> None:
        order = list(news)
        random.Random(seed).shuffle(order)
        for start in range(0, len(order), 7):
            await _insisting(real_world.service.count_posts, order[start : start + 7])

    await asyncio.gather(*(deliver(seed) for seed in range(6)))
    assert [(await real_world.counts(author)).statuses for author in (alice, bob)] == [5, 5]
