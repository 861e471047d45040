"""Who is made up, and whom they follow."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from user_service.errors import FieldInvalid
from user_service.seeding.models import MAX_ACCOUNTS, MAX_FOLLOWS, MAX_SEED, Plan
from user_service.usernames import check_username


def test_a_seed_decides_everything_whatever_the_parts() -> None:
    plan = Plan(seed=3, accounts=400, follows=5)
    assert [*plan.people(0, 150), *plan.people(150, 400)] == list(plan.people(0, 400))
    assert [*plan.edges(0, 7), *plan.edges(7, 400)] == list(plan.edges(0, 400))
    assert list(plan.edges(0, 400)) != list(Plan(seed=4, accounts=400, follows=5).edges(0, 400))


def test_everybody_follows_so_many_others_each_once_and_some_are_followed_by_many() -> None:
    plan = Plan(seed=1, accounts=1_000, follows=10)
    edges = list(plan.edges(0, 1_000))
    people = {person.account_id for person in plan.people(0, 1_000)}
    assert len(people) == 1_000
    assert {edge.followee_id for edge in edges} <= people
    assert all(edge.follower_id != edge.followee_id for edge in edges)
    assert len({(edge.follower_id, edge.followee_id) for edge in edges}) == len(edges) == 10_000
    assert len({edge.follow_id for edge in edges}) == len(edges)
    assert set(Counter(edge.follower_id for edge in edges).values()) == {10}
    followers = sorted(Counter(edge.followee_id for edge in edges).values())
    assert followers[-1] > 20 * followers[len(followers) // 2]


def test_ids_are_those_of_times_long_ago_and_of_no_other_seed() -> None:
    # The same as in post's test of its plan, which makes up posts of these people.
    assert [Plan(7, 3, 0).account_id(number) for number in (0, 2)] == [5_073_430_118_400_000, 5_073_430_126_788_608]
    last, first = Plan(1, MAX_ACCOUNTS, 0), Plan(2, 1, 0)
    assert last.account_id(MAX_ACCOUNTS) < first.account_id(0)
    newest = next(Plan(MAX_SEED, MAX_ACCOUNTS, 0).people(MAX_ACCOUNTS - 1, MAX_ACCOUNTS))
    assert newest.created_at < datetime(2026, 1, 1, tzinfo=UTC)
    check_username(newest.username)


@pytest.mark.parametrize(
    ("seed", "accounts", "follows", "field"),
    [
        (0, 10, 1, "seed"),
        (MAX_SEED + 1, 10, 1, "seed"),
        (1, 0, 0, "accounts"),
        (1, MAX_ACCOUNTS + 1, 0, "accounts"),
        (1, 10, 3, "follows"),
        (1, MAX_ACCOUNTS, MAX_FOLLOWS + 1, "follows"),
        (1, 10, -1, "follows"),
    ],
)
def test_a_plan_that_is_none_is_refused(seed: int, accounts: int, follows: int, field: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        Plan(seed, accounts, follows)
    assert refused.value.fields[0].field == field
