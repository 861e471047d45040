"""When accounts that are held are asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from google.protobuf.message import Message

from rookery.post.v1.events_pb2 import PostCreated
from rookery.user.v1 import account_pb2
from rookery.user.v1.events_pb2 import AccountUpdated, Follow, FollowCreated
from rookery_common.clock import SystemClock
from rookery_common.kafka.events import new_event

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL = 101, 102, 103


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    for account_id, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
        world.account(account_id, name, display_name=name.title())
        for other in (ALICE, BOB, CAROL):
            world.relate(account_id, other)


async def test_counts_are_asked_for_seldom_where_every_change_is_told(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.post(1, ALICE)
    bob, told = world.tokens.identity(BOB), AccountUpdated(account=account_pb2.Account(account_id=ALICE, version=1))
    event = new_event("user.events.v1", str(ALICE), told, version=1, clock=SystemClock(), source="user")
    now, complete_since = 1000.0, 0.0
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: now)
    monkeypatch.setattr(gateway.cache, "complete_since", lambda: complete_since)

    async def asked() -> int:
        """How often for a status a little later, and once more right after it."""
        world.asked.clear()
        for _ in range(2):
            await gateway.composer.statuses(bob, [1])
        return len(world.called("BatchGetAccounts"))

    assert await asked() == 1
    now += 6
    assert await asked() == 1, "once more: it may have been about to change"
    now += 55
    assert await asked() == 0
    now += 6
    assert await asked() == 1
    await gateway.cache.handle(event)
    assert await asked() == 1
    now += 6
    assert await asked() == 1, "what it counts is told of, too, and may be counted a little later"
    now += 6
    complete_since = now
    assert await asked() == 1, "something may have been missed since it was asked for"


async def test_whoever_posts_is_asked_for_again_only_where_an_event_has_told_of_a_change(
    world: World, gateway: Gateway
) -> None:
    clock, alice = SystemClock(), world.tokens.identity(ALICE)
    follow = FollowCreated(follow=Follow(follower_id=ALICE, followee_id=BOB))

    async def posted(post_id: int, *told: Message) -> tuple[str, int]:
        """The name that is shown, and how often it was asked for, after these events."""
        for message in told:
            event = new_event("user.events.v1", str(ALICE), message, version=1, clock=clock, source="user")
            await gateway.cache.handle(event)
        before = await gateway.composer.before_writing(alice)
        post = world.posts[world.post(post_id, ALICE)]
        shown = orjson.loads(await gateway.composer.made_now(alice, post, before))
        return shown["account"]["display_name"], len(world.called("BatchGetAccounts"))

    assert await posted(1) == ("Alice", 1)
    assert await posted(2, PostCreated(post=world.posts[1])) == ("Alice", 1)
    world.accounts[ALICE].display_name, world.accounts[ALICE].version = "Al", 2
    assert await posted(3, AccountUpdated(account=world.accounts[ALICE])) == ("Al", 2)
    assert await posted(4) == ("Al", 2)
    assert await posted(5, follow) == ("Al", 3)
