"""What is made up: by the seed alone, some posts with many likes, and each like somebody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from post_service.errors import InvalidField
from post_service.repository.engagements import BUCKETS, bucket_of_fact
from post_service.seeding.models import Plan
from post_service.seeding.service import SUMMED_FROM
from rookery_common.ids import MAX_ID, ms_of, time_of

PLAN = Plan(seed=7, accounts=5_000, posts=100, likes=20_000)


def test_the_same_seed_makes_the_same_and_another_one_none_of_it() -> None:
    again, other = Plan(7, 5_000, 100, 20_000), Plan(8, 5_000, 100, 20_000)
    assert [PLAN.post(n) for n in range(100)] == [again.post(n) for n in range(100)]
    assert [*PLAN.facts(3)] == [*again.facts(3)]
    assert not {PLAN.post_id(n) for n in range(100)} & {other.post_id(n) for n in range(100)}


def test_people_are_those_whom_user_makes_up() -> None:
    # The first of seed 7, and the others a millisecond after one another: as in user's test of its plan.
    people = {5_073_430_118_400_000 + (number << 22) for number in range(5_000)}
    assert {PLAN.post(n).author_id for n in range(100)} <= people
    assert {fact.account_id for fact in PLAN.facts(0)} <= people


def test_likes_are_as_many_as_were_asked_for_and_the_first_post_has_the_most() -> None:
    amounts = [PLAN.likes_of(number) for number in range(100)]
    assert sum(amounts) == 20_000
    assert amounts[0] == max(amounts) > 4_000
    facts = [*PLAN.facts(0)]
    assert len({fact.account_id for fact in facts}) == len(facts) == amounts[0]


def test_all_likes_are_those_of_a_single_post() -> None:
    plan = Plan(seed=1, accounts=1_000_000, posts=1, likes=1_000_000)
    assert plan.likes_of(0) == 1_000_000
    assert len({fact.account_id for fact in islice(plan.facts(0), 10_000)}) == 10_000


def test_every_bucket_is_among_the_likes_that_are_summed() -> None:
    for plan in (PLAN, Plan(1, SUMMED_FROM, 1, SUMMED_FROM), Plan(999, 50_000_000, 1, 1_000_000)):
        buckets = {bucket_of_fact(fact)[2] for fact in islice(plan.facts(0), SUMMED_FROM)}
        assert len(buckets) == BUCKETS


def test_times_are_in_the_two_days_of_the_seed_and_marks_of_an_account_differ() -> None:
    plan = Plan(seed=999, accounts=50_000_000, posts=4_000_000, likes=500_000_000)
    ends = datetime(2020, 1, 1, tzinfo=UTC) + 1_000 * timedelta(days=2)
    last = plan.post(3_999_999)
    assert last.create_time == time_of(last.post_id) < ends
    assert ms_of(last.post_id) * 1_000 == last.version
    most = next(plan.facts(3_999_999), None) or next(plan.facts(0))
    assert most.since is not None
    assert most.since < ends
    assert time_of(most.mark_id) == most.since
    assert 0 < most.mark_id < MAX_ID
    small = Plan(1, 5, 5, 8)
    marks = [(fact.account_id, fact.mark_id) for number in range(5) for fact in small.facts(number)]
    assert len(set(marks)) == len(marks) == 8


@pytest.mark.parametrize(
    ("field", "numbers"),
    [
        ("seed", (0, 1, 1, 0)),
        ("seed", (1_000, 1, 1, 0)),
        ("accounts", (1, 0, 1, 0)),
        ("posts", (1, 1, 0, 0)),
        ("posts", (1, 1, 4_000_001, 0)),
        ("likes", (1, 1, 1, -1)),
        ("likes", (1, 10, 1, 11)),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(field: str, numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidField) as refused:
        Plan(*numbers)
    assert [violation.field for violation in refused.value.fields] == [field]
