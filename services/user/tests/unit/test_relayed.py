"""What the relay tells of changes whose process died: the cache first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rookery_common.testing.events import FakeProducer
from user_service.relationships.models import FollowSettings
from user_service.relayed import EpochsFirst

if TYPE_CHECKING:
    from tests.conftest import FakeRepository, World


async def test_what_rested_on_the_accounts_of_an_event_counts_no_more(
    world: World, fake_repository: FakeRepository
) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    pairs = [(alice, bob), (bob, alice), (alice, carol)]
    for _ in range(2):
        assert not (await world.relationships.between(pairs))[alice, bob].following
    before = fake_repository.state
    await world.relationships.follow(alice, bob, FollowSettings())
    told, after, fake_repository.state = fake_repository.events[-1:], fake_repository.state, before
    await world.relationships.between(pairs)
    fake_repository.state = after  # As if it had died before it raised epochs: what is cached is from before.
    assert not (await world.relationships.between(pairs))[alice, bob].following
    producer = FakeProducer()
    await EpochsFirst(producer, world.caches).send_all(told)
    assert producer.sent == told
    found = await world.relationships.between(pairs)
    assert found[alice, bob].following
    assert found[bob, alice].followed_by


async def test_events_of_one_account_are_of_that_account(world: World, fake_repository: FakeRepository) -> None:
    alice = await world.sign_up("alice")
    [created] = fake_repository.events
    await world.service.account_views([alice])
    lookup = await world.caches.views.get([alice])
    await EpochsFirst(FakeProducer(), world.caches).send_all([created])
    assert (await world.caches.views.get([alice])).epochs != lookup.epochs
