"""Follows, unfollows, blocks and their ends of the same pairs, all at once: what is left is what was acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import TYPE_CHECKING, Any

from rookery_common.clients.postgres import Postgres
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing.events import FakeProducer
from user_service.errors import FollowNotAllowed
from user_service.relationships.models import FollowSettings, Pair, Relationship

if TYPE_CHECKING:
    from tests.conftest import World

PEOPLE, CHANGES = 4, 240
# Rows at one end that have no match at the other, and counts that are not those of the rows.
_WRONG = """
SELECT
  (SELECT count(*) FROM (SELECT follower_id, followee_id, follow_id FROM follows_by_follower WHERE active) f
   FULL JOIN follows_by_followee b USING (follower_id, followee_id, follow_id)
   WHERE f.follower_id IS NULL OR b.follower_id IS NULL) AS half_follows,
  (SELECT count(*) FROM (SELECT blocker_id, blocked_id, 1 AS there FROM blocks_by_blocker WHERE active) f
   FULL JOIN (SELECT blocker_id, blocked_id, 1 AS there FROM blocks_by_blocked) b USING (blocker_id, blocked_id)
   WHERE f.there IS NULL OR b.there IS NULL) AS half_blocks,
  (SELECT count(*) FROM follows_by_follower f JOIN blocks_by_blocker b ON b.active AND f.active
   AND (f.follower_id, f.followee_id) IN ((b.blocker_id, b.blocked_id), (b.blocked_id, b.blocker_id))) AS past_blocks
"""


class Storm:
    """Changes that are made, and what the service answered to each: a change that is refused changes nothing."""

    def __init__(self, *worlds: World) -> None:
        self._worlds = cycle(worlds)
        self.refused = 0

    async def change(self, name: str, account: int, other: int) -> None:
        """Insists as a client would, where the queue for a pair is longer than a call may wait."""
        relationships = next(self._worlds).relationships
        calls: dict[str, Callable[[], Awaitable[Relationship]]] = {
            "follow": lambda: relationships.follow(account, other, FollowSettings()),
            "unfollow": lambda: relationships.unfollow(account, other),
            "block": lambda: relationships.block(account, other),
            "unblock": lambda: relationships.unblock(account, other),
            "remove_follower": lambda: relationships.remove_follower(account, other),
        }
        while True:
            try:
                await calls[name]()
            except FollowNotAllowed:
                self.refused += 1
            except Unavailable:
                await asyncio.sleep(0.05)
                continue
            return


def _states(events: list[Event]) -> dict[tuple[str, Pair], bool]:
    """Whether each follow and block is there, by the newest event of each; versions have neither gap nor repetition."""
    versions: dict[tuple[str, Pair], list[int]] = defaultdict(list)
    newest: dict[tuple[str, Pair], tuple[int, bool]] = {}
    for event in events:
        message: Any = event.decode()
        field = message.DESCRIPTOR.fields[0].name
        if field not in ("follow", "block"):
            continue
        first, second = event.key.split(":")
        key = (field, (int(first), int(second)))
        versions[key].append(event.version)
        newest[key] = max(newest.get(key, (0, False)), (event.version, getattr(message, field).active))
    for key, found in versions.items():
        assert sorted(found) == list(range(1, len(found) + 1)), key
    return {key: active for key, (_, active) in newest.items()}


async def test_a_storm_of_changes_leaves_the_graph_of_the_acknowledged_ones(
    real_world: World, other_world: World, pg: Postgres, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    people = [await real_world.sign_up(f"user{number}") for number in range(PEOPLE)]
    pairs = [(a, b) for a in people for b in people if a != b]
    order, storm = random.Random(11), Storm(real_world, other_world)
    names = ("follow",) * 5 + ("unfollow", "block", "unblock", "unblock", "remove_follower")
    await asyncio.gather(*(storm.change(order.choice(names), *order.choice(pairs)) for _ in range(CHANGES)))
    await outbox.drain()
    told = _states(producer.sent)
    found = await real_world.relationships.between(pairs)
    for (account, other), relationship in found.items():
        assert relationship.following == told.get(("follow", (account, other)), False)
        assert relationship.blocking == told.get(("block", (account, other)), False)
        assert relationship.blocked_by == told.get(("block", (other, account)), False)
    async with pg.read(primary=True) as connection:
        assert tuple((await connection.fetch("wrong", _WRONG))[0].values()) == (0, 0, 0)
    for account in people:
        counts = await real_world.counts(account)
        assert counts.followers == sum(found[other, account].following for other in people if other != account)
        assert counts.following == sum(found[account, other].following for other in people if other != account)


async def test_a_follow_never_slips_past_a_block(real_world: World, other_world: World) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    for _ in range(10):
        storm = Storm(real_world, other_world)
        await asyncio.gather(
            storm.change("follow", alice, bob), storm.change("block", bob, alice), storm.change("follow", bob, alice)
        )
        found = await real_world.relationships.between([(alice, bob)])
        assert found[alice, bob] == Relationship(bob, blocked_by=True)
        await real_world.relationships.unblock(bob, alice)
