"""What a recipient asked not to hear of goes nowhere that nobody composes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notification_service.avoidance import Avoidance, ShownPost
from notification_service.models import Kind, Notification
from notification_service.placement import notification_of
from notification_service.policy_models import Outcome
from notification_service.push_models import Author
from notification_service.repository.policies import PolicyRepository
from notification_service.service.sieve import NEW_MS, Sieve
from notification_service.service.staff import Staff
from rookery_common.ids import lowest_id_at
from rookery_common.testing import FakeClock
from rookery_common.words import folded, word

ALICE, BOB = 101, 102
ACCEPT, FILTER, DROP = Outcome.ACCEPT, Outcome.FILTER, Outcome.DROP
STRANGER = Author("Bob", "", is_muted=False, is_followed=False, is_follower=False)


@pytest.fixture
def sieve(policies: PolicyRepository, authors: Any, staff: Staff, clock: FakeClock) -> Sieve:
    return Sieve(policies, authors, authors, staff, clock)


@pytest.fixture
def post(authors: Any) -> ShownPost:
    made = ShownPost(5_000, BOB, 0, folded("", "Straße to Rome, at once"), is_direct=False, is_muted=False)
    authors.shown[5_000] = made
    return made


@pytest.fixture
def mention(acts: Any, post: ShownPost) -> Notification:
    act = replace(acts.make(Kind.MENTION), subject_id=post.post_id, source_id=post.post_id)
    return notification_of(act)


@pytest.mark.parametrize("outcome", [FILTER, DROP])
@pytest.mark.parametrize(("field", "known"), [("not_following", "is_followed"), ("not_followers", "is_follower")])
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


async def test_a_strangers_direct_post_waits_unless_it_answers_the_recipient(
    sieve: Sieve, policies: PolicyRepository, mention: Notification, post: ShownPost, authors: Any
) -> None:
    authors.shown[5_000] = replace(post, is_direct=True)
    assert not await sieve.lets_through(mention, STRANGER)
    assert await sieve.lets_through(mention, replace(STRANGER, is_followed=True))
    authors.shown[5_000] = replace(post, is_direct=True, answered_id=ALICE)
    assert await sieve.lets_through(mention, STRANGER)
    authors.shown[5_000] = replace(post, is_direct=True)
    await policies.put(ALICE, {"private_mentions": ACCEPT})
    assert await sieve.lets_through(mention, STRANGER)


async def test_what_the_recipient_may_not_see_or_has_muted_goes_nowhere(
    sieve: Sieve, mention: Notification, post: ShownPost, authors: Any
) -> None:
    authors.shown[5_000] = replace(post, is_muted=True)
    assert not await sieve.lets_through(mention, STRANGER)
    authors.hidden.add(5_000)
    assert not await sieve.lets_through(mention, STRANGER)
    assert await sieve.lets_through(replace(mention, kind=Kind.FOLLOW, subject_id=0), STRANGER)


@pytest.mark.parametrize(
    ("keyword", "whole", "is_met"),
    [
        ("ROME", False, True),
        ("rom", False, True),
        ("rom", True, False),
        ("strasse", True, True),
        (", at", True, True),
        ("(rome", False, False),
        ("once", True, True),
    ],
)
async def test_words_that_a_filter_hides_are_found_as_in_lists(
    sieve: Sieve, mention: Notification, authors: Any, keyword: str, whole: bool, is_met: bool
) -> None:
    authors.avoidances = [Avoidance([word(keyword, whole=whole)], frozenset(), 0)]
    assert await sieve.lets_through(mention, STRANGER) is not is_met


async def test_a_filter_holds_for_posts_until_it_ends_and_never_for_ones_own(
    sieve: Sieve, mention: Notification, post: ShownPost, authors: Any, clock: FakeClock
) -> None:
    authors.avoidances = [Avoidance([], frozenset({post.post_id}), clock.unix_ms() + 1_000)]
    assert not await sieve.lets_through(mention, STRANGER)
    authors.shown[5_000] = replace(post, author_id=ALICE)
    assert await sieve.lets_through(replace(mention, kind=Kind.FAVOURITE), STRANGER)
    authors.shown[5_000] = post
    clock.advance(1)
    assert await sieve.lets_through(mention, STRANGER)
