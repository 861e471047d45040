"""Others' events, as their examples have them: in any order, any number of times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from rookery.post.v1 import post_pb2
from rookery_common.kafka.events import Event
from rookery_common.testing.golden import golden, golden_events, golden_message
from user_service.consumers import (
    ACCOUNT_TOPIC,
    AUTH_TOPIC,
    POST_TOPIC,
    AccountEventsHandler,
    AuthEventsHandler,
    PostEventsHandler,
    post_fact,
)
from user_service.errors import ReservationNotFound
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import FakeRepository, World

AUTHOR = 815916279398400001


async def test_credentials_confirm_their_reservation(world: World, fake_repository: FakeRepository) -> None:
    event = golden(AUTH_TOPIC, "CredentialsCreated")
    message: Any = event.decode()
    reservation = await world.service.reserve_account(message.request_id, "alice")
    message.account_id = reservation.account_id
    handler = AuthEventsHandler(world.service)
    for _ in range(2):
        await handler(_with(event, message.SerializeToString()))
    assert [account.username for account in await world.service.lookup_accounts(["alice"])] == ["alice"]
    assert len(fake_repository.events) == 1


async def test_credentials_without_a_reservation_are_an_error_for_the_dead_letters(world: World) -> None:
    with pytest.raises(ReservationNotFound):
        await AuthEventsHandler(world.service)(golden(AUTH_TOPIC, "CredentialsCreated"))


async def test_an_account_that_is_unlocked_lets_those_follow_who_wait(
    world: World, fake_repository: FakeRepository
) -> None:
    updated = golden(ACCOUNT_TOPIC, "AccountUpdated")
    message: Any = updated.decode()
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    handler = AccountEventsHandler(world.relationships)
    message.account.account_id = alice
    for locked, following in ((True, False), (False, True), (False, True)):
        accounts = fake_repository.state.accounts
        accounts[alice] = replace(accounts[alice], locked=locked)
        if locked:
            await world.relationships.follow(bob, alice, FollowSettings())
        message.account.locked = locked
        await handler(_with(updated, message.SerializeToString()))
        known = (await world.relationships.between([(bob, alice)]))[bob, alice]
        assert (known.following, known.requested) == (following, not following)


async def test_other_events_of_auth_are_passed_over(world: World) -> None:
    await AuthEventsHandler(world.service)(golden(AUTH_TOPIC, "SessionRevoked"))


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("PostCreated", True),
        ("PostCreated_reply", True),
        ("PostCreated_reblog", True),
        ("PostCreated_held", False),
        ("PostCreated_direct", False),
        ("PostVisible", True),
        ("PostUpdated", True),
        ("PostUpdated_removed", False),
        ("PostDeleted", False),
    ],
)
def test_what_may_be_seen_and_is_not_direct_is_counted(name: str, counted: bool) -> None:
    fact = post_fact(golden_message(POST_TOPIC, name))
    assert fact is not None
    assert (fact.counted, fact.deleted) == (counted, name == "PostDeleted")


@pytest.mark.parametrize(
    ("name", "visibility", "tags"),
    [
        ("PostCreated", "PUBLIC", ("birds",)),
        ("PostCreated", "UNLISTED", ("birds",)),
        ("PostCreated", "PRIVATE", ()),
        ("PostCreated", "DIRECT", ()),
        ("PostUpdated_removed", "PUBLIC", ()),
        ("PostDeleted", "PUBLIC", ()),
    ],
)
def test_a_post_counts_for_its_hashtags_while_anyone_may_see_it(
    name: str, visibility: str, tags: tuple[str, ...]
) -> None:
    message: Any = golden_message(POST_TOPIC, name)
    message.post.visibility = post_pb2.Visibility.Value(f"VISIBILITY_{visibility}")
    message.post.tags[:] = ["birds"]
    fact = post_fact(message)
    assert fact is not None
    assert fact.tags == tags


async def test_the_history_of_posts_gives_the_same_count_in_every_order(
    world: World, fake_repository: FakeRepository
) -> None:
    names = ("PostCreated", "PostUpdated", "PostDeleted", "PostCreated_held", "PostVisible")
    handler = PostEventsHandler(world.service)
    outcomes = set()
    for order in list(permutations(names))[::11]:
        fake_repository.state.posts.clear()
        fake_repository.state.statuses.clear()
        events = [golden(POST_TOPIC, name) for name in order]
        for event in events:
            await handler([event])
        await handler(events)
        outcomes.add(fake_repository.state.counts(AUTHOR).statuses)
    assert outcomes == {1}  # the held post that became visible; the other is deleted


async def test_all_examples_at_once_and_again_change_nothing_the_second_time(
    world: World, fake_repository: FakeRepository
) -> None:
    handler = PostEventsHandler(world.service)
    await handler(golden_events(POST_TOPIC))
    before = fake_repository.state.counts(AUTHOR)
    await handler(golden_events(POST_TOPIC))
    assert fake_repository.state.counts(AUTHOR) == before
    assert before.last_status_at is not None
    assert before.last_status_at >= datetime(2026, 3, 1, 12, 1, tzinfo=UTC)


def _with(event: Event, payload: bytes) -> Event:
    return replace(event, payload=payload)
