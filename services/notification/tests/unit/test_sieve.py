"""What a policy lets through to where nobody composes a page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notification_service.models import Kind, Notification
from notification_service.placement import notification_of
from notification_service.policy_models import Outcome
from notification_service.push_models import Author
from notification_service.repository.policies import PolicyRepository
from notification_service.service.sieve import NEW_MS, Sieve
from rookery_common.ids import lowest_id_at
from rookery_common.testing import FakeClock

ALICE, BOB = 101, 102
ACCEPT, FILTER, DROP = Outcome.ACCEPT, Outcome.FILTER, Outcome.DROP
STRANGER = Author("Bob", "", is_muted=False, is_followed=False, is_follower=False)


@pytest.fixture
def sieve(policies: PolicyRepository, authors: Any, clock: FakeClock) -> Sieve:
    return Sieve(policies, authors, clock)


@pytest.fixture
def mention(acts: Any, authors: Any) -> Notification:
    """Of a post that anyone may see."""
    act = acts.make(Kind.MENTION)
    authors.by_post[act.subject_id] = BOB
    return notification_of(act)


@pytest.mark.parametrize("outcome", [FILTER, DROP])
@pytest.mark.parametrize(
    ("field", "known"),
    [("not_following", "is_followed"), ("not_followers", "is_follower")],
)
async def test_what_a_policy_keeps_apart_goes_nowhere_until_it_is_accepted(
    sieve: Sieve, policies: PolicyRepository, mention: Notification, field: str, known: str, outcome: Outcome
) -> None:
    friend: Any = {known: True}
    assert await sieve.lets_through(mention, STRANGER)
    await policies.put(ALICE, {field: outcome})
    assert not await sieve.lets_through(mention, STRANGER)
    assert await sieve.lets_through(mention, replace(STRANGER, **friend))
    assert await sieve.lets_through(replace(mention, kind=Kind.POLL), STRANGER)
    await policies.accept(ALICE, [BOB])
    assert await sieve.lets_through(mention, STRANGER)


async def test_new_accounts_are_those_of_thirty_days(
    sieve: Sieve, policies: PolicyRepository, mention: Notification, clock: FakeClock
) -> None:
    await policies.put(ALICE, {"new_accounts": FILTER})
    new = replace(mention, account_id=lowest_id_at(clock.unix_ms() - NEW_MS + 1_000))
    assert not await sieve.lets_through(new, STRANGER)
    assert await sieve.lets_through(new, replace(STRANGER, is_followed=True))
    clock.advance(2)
    assert await sieve.lets_through(new, STRANGER)


async def test_a_strangers_post_that_not_anyone_may_see_waits(
    sieve: Sieve, policies: PolicyRepository, mention: Notification, authors: Any
) -> None:
    authors.by_post.clear()
    assert not await sieve.lets_through(mention, STRANGER)
    assert await sieve.lets_through(mention, replace(STRANGER, is_followed=True))
    await policies.put(ALICE, {"private_mentions": ACCEPT})
    assert await sieve.lets_through(mention, STRANGER)
