"""Whose posts are merged, and since when. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from feed_service.models import Following, MergedFollows, Mode
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.service.modes import ASKS_IN_A_GRACE, GRACE_SECONDS, LOOK_GRACES, Modes
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN, ERIN = 101, 102, 103, 104, 105
GRACE_MS = GRACE_SECONDS * 1000
ASK_SECONDS = GRACE_SECONDS / ASKS_IN_A_GRACE
LOOK_SECONDS = GRACE_SECONDS * LOOK_GRACES
MONTHS_SECONDS = 62 * 86_400


@pytest.fixture
def others(author_posts: AuthorPostRepository, follows: FollowRepository, clock: FakeClock) -> Modes:
    """Of another process, to which ten followers are many."""
    return Modes(author_posts, follows, clock, 10)


async def test_who_is_followed_by_many_is_merged_from_a_moment_on_that_all_processes_know_before(
    modes: Modes, others: Modes, people: Any, clock: FakeClock
) -> None:
    await others.refresh()
    for reader_id in (BOB, CAROL):
        await people.follows(reader_id, ALICE)
    await modes.look([ALICE])
    assert modes.generation == 0
    await people.follows(DAN, ALICE)
    clock.advance(LOOK_SECONDS)
    at = clock.unix_ms()
    await modes.look([ALICE, BOB])
    assert not modes.is_merged(ALICE, at + GRACE_MS - 1)
    assert modes.is_merged(ALICE, at + GRACE_MS)
    assert not modes.is_merged(BOB, at + GRACE_MS)
    clock.advance(ASK_SECONDS)
    await others.refresh()
    assert others.is_merged(ALICE, at + GRACE_MS)
    assert others.among(Following(frozenset({ALICE, BOB}))) == MergedFollows(1, Following(frozenset({ALICE})))


async def test_who_loses_a_few_stays_merged_and_who_loses_more_is_delivered_again(
    modes: Modes, people: Any, follows: FollowRepository, clock: FakeClock
) -> None:
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, ALICE)
    await modes.look([ALICE])
    await follows.put(people.follow(DAN, ALICE, active=False))
    clock.advance(LOOK_SECONDS)
    await modes.look([ALICE])
    assert modes.generation == 1, "two of three are enough to stay"
    await follows.put(people.follow(CAROL, ALICE, active=False))
    await modes.look([ALICE])
    assert modes.generation == 1, "nobody is counted twice in an hour"
    clock.advance(LOOK_SECONDS)
    ended = clock.unix_ms() + GRACE_MS
    await modes.look([ALICE])
    assert modes.is_merged(ALICE, ended - 1)
    assert not modes.is_merged(ALICE, ended)
    assert modes.since(0, 10) == ([ALICE], 2), "what was merged before is stored yet"
    clock.advance(MONTHS_SECONDS)
    assert modes.since(0, 10) == ([], 2)
    assert modes.among(Following(frozenset({ALICE}))) == MergedFollows(2)


async def test_what_is_decided_in_two_processes_at_once_is_decided_once(
    author_posts: AuthorPostRepository, follows: FollowRepository, people: Any, clock: FakeClock
) -> None:
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, ALICE, ERIN)
    both = [Modes(author_posts, follows, clock, 3) for _ in range(2)]
    await asyncio.gather(*(each.look([ALICE, ERIN]) for each in both))
    made = await author_posts.modes(0)
    assert sorted((mode.author_id, mode.is_merged) for mode in made) == [(ALICE, True), (ERIN, True)]
    assert [mode.generation for mode in made] == [1, 2]
    assert both[0].since(0, 1) == ([made[0].author_id], 1)
    assert not await author_posts.decide(Mode(2, BOB, True, 0))


async def test_with_no_threshold_nobody_is_merged_any_more(
    author_posts: AuthorPostRepository, follows: FollowRepository, modes: Modes, people: Any, clock: FakeClock
) -> None:
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, ALICE)
    await modes.look([ALICE])
    off = Modes(author_posts, follows, clock, 0)
    await off.refresh()
    await off.look([ALICE, ERIN])
    assert [(mode.author_id, mode.is_merged) for mode in await author_posts.modes(1)] == [(ALICE, False)]


async def test_the_log_is_shortened_by_what_tells_nothing_any_more(
    modes: Modes, author_posts: AuthorPostRepository, follows: FollowRepository, people: Any, clock: FakeClock
) -> None:
    async def count(author_id: int, followers: int) -> None:
        for number, reader_id in enumerate((BOB, CAROL, DAN)):
            await follows.put(people.follow(reader_id, author_id, active=number < followers))
        clock.advance(LOOK_SECONDS)
        await modes.look([author_id])

    for followers in (3, 0, 3):
        await count(ALICE, followers)
    for followers in (3, 0):
        await count(ERIN, followers)
    merged_at = clock.unix_ms()
    assert [mode.generation for mode in await author_posts.modes(0)] == [1, 2, 3, 4, 5]
    clock.advance(MONTHS_SECONDS)
    await modes.refresh()
    assert [mode.generation for mode in await author_posts.modes(0)] == [3, 5], "the last one stays, as its number does"
    fresh = Modes(author_posts, follows, clock, 3)
    await fresh.refresh()
    for each in (modes, fresh):
        assert each.is_merged(ALICE, merged_at + MONTHS_SECONDS * 1000)
        assert not each.is_merged(ERIN, merged_at + MONTHS_SECONDS * 1000)
        assert each.among(Following(frozenset({ALICE, ERIN}))) == MergedFollows(5, Following(frozenset({ALICE})))
    await count(ERIN, 3)
    clock.advance(MONTHS_SECONDS)
    await fresh.refresh()
    assert [mode.generation for mode in await author_posts.modes(0)] == [3, 6]


async def test_with_less_grace_all_goes_faster(
    author_posts: AuthorPostRepository, follows: FollowRepository, people: Any, clock: FakeClock
) -> None:
    modes, others = (Modes(author_posts, follows, clock, 3, grace_seconds=2) for _ in range(2))
    await others.refresh()
    await modes.look([ALICE])
    for reader_id in (BOB, CAROL, DAN):
        await people.follows(reader_id, ALICE)
    clock.advance(2 * LOOK_GRACES)
    at = clock.unix_ms()
    await modes.look([ALICE])
    clock.advance(1)
    await others.refresh()
    assert [others.is_merged(ALICE, at + ms) for ms in (1_999, 2_000)] == [False, True]
