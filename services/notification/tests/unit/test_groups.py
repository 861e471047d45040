"""Lists by groups. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

import pytest

from notification_service.models import Act, GroupKey, Kind, NotificationGroup, PageQuery
from notification_service.placement import GROUP_MS, HEAD_MS, notification_id, notification_of
from notification_service.repository.counts import LARGE
from notification_service.service import groups as grouping
from notification_service.service.groups import SAMPLE, GroupReader
from notification_service.service.put_away import PutAway
from notification_service.service.tell import Teller
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103
POST = 7_000


@pytest.fixture(autouse=True)
def _early(clock: FakeClock) -> None:
    """In the middle of a minute, with most of the half day ahead."""
    clock.advance((GROUP_MS - clock.unix_ms() % GROUP_MS) / 1000 + 90)


def _likes(clock: FakeClock, number: int, *, first: int = 1_000, every: float = 1, post_id: int = POST) -> list[Act]:
    acts = []
    for account_id in range(first, first + number):
        clock.advance(every)
        acts.append(Act(ALICE, Kind.FAVOURITE, account_id, post_id, post_id, clock.unix_ms()))
    return acts


def _summary(group: NotificationGroup) -> tuple[Kind, int, int]:
    return group.newest.kind, group.newest.subject_id, group.count


async def _walked(groups: GroupReader, limit: int, **bounds: Any) -> list[NotificationGroup]:
    found: list[NotificationGroup] = []
    query = PageQuery(limit, **bounds)
    while True:
        page = await groups.page(ALICE, query)
        found += page.groups
        if not page.reached_id:
            return found
        query = PageQuery(limit, max_id=page.reached_id)


async def test_many_likes_of_a_post_are_one_group_among_what_is_told_alone(
    groups: GroupReader, teller: Teller, acts: Any, clock: FakeClock
) -> None:
    mention = acts.make(Kind.MENTION)
    likes = _likes(clock, 30, every=7)
    reblog = acts.make(Kind.REBLOG)
    for _ in range(2):
        await teller.tell_acts([mention, *likes, reblog])
    page = await groups.page(ALICE, PageQuery(10))
    assert [_summary(group) for group in page.groups] == [
        (Kind.REBLOG, reblog.subject_id, 1),
        (Kind.FAVOURITE, POST, 30),
        (Kind.MENTION, mention.subject_id, 1),
    ]
    liked = page.groups[1]
    assert liked.account_ids == [like.account_id for like in likes[: -SAMPLE - 1 : -1]]
    assert (liked.newest, liked.oldest_id) == (notification_of(likes[-1]), notification_id(likes[-SAMPLE]))
    assert page.groups[2].key is None
    assert page.reached_id == 0
    assert await groups.group(ALICE, liked.key or GroupKey(Kind.FOLLOW, 0, 0)) == liked
    assert await groups.group(BOB, liked.key or GroupKey(Kind.FOLLOW, 0, 0)) is None


async def test_pages_have_every_group_and_nothing_alone_twice(
    groups: GroupReader, teller: Teller, acts: Any, clock: FakeClock
) -> None:
    told: list[Act] = []
    for number in range(9):
        told += [acts.make(Kind.MENTION), *_likes(clock, 3, post_id=POST + number), *_likes(clock, 1, every=25)]
    await teller.tell_acts(told)
    whole = {(_summary(group), group.key) for group in await _walked(groups, 80)}
    assert len(whole) == 9 + 9
    for limit in (1, 2, 5):
        walked = await _walked(groups, limit)
        assert {(_summary(group), group.key) for group in walked} == whole
        alone = [group.newest.notification_id for group in walked if group.key is None]
        assert len(alone) == len(set(alone)) == 9
        assert alone == sorted(alone, reverse=True)


async def test_what_came_since_is_found_above_what_was_seen(
    groups: GroupReader, teller: Teller, acts: Any, clock: FakeClock
) -> None:
    await teller.tell_acts([acts.make(Kind.MENTION), *_likes(clock, 2)])
    seen = (await groups.page(ALICE, PageQuery(10))).groups[0].newest.notification_id
    assert (await groups.page(ALICE, PageQuery(10, min_id=seen))).groups == []
    (later,) = _likes(clock, 1, first=2_000, every=2)
    await teller.tell_acts([later])
    for query in (PageQuery(10, min_id=seen), PageQuery(10, since_id=seen)):
        (group,) = (await groups.page(ALICE, query)).groups
        assert (group.account_ids, group.count) == ([2_000], 3)


async def test_what_was_taken_back_or_dismissed_is_in_no_group(
    groups: GroupReader, teller: Teller, put_away: PutAway, clock: FakeClock
) -> None:
    likes = _likes(clock, 12)
    await teller.tell_acts(likes)
    await teller.put_away([notification_of(like) for like in likes[6:]], "taken_back")
    await put_away.dismiss(ALICE, notification_id(likes[0]))
    await teller.tell_acts(likes)
    (group,) = (await groups.page(ALICE, PageQuery(10))).groups
    assert (group.account_ids, group.count) == ([like.account_id for like in likes[5:0:-1]], 5)


async def test_a_group_is_dismissed_whole_and_comes_back_with_what_is_new(
    groups: GroupReader, teller: Teller, lists: Any, acts: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "DISMISS_ROWS", 4)
    mention = acts.make(Kind.MENTION)
    await teller.tell_acts([mention, *_likes(clock, 11)])
    liked, alone = (await groups.page(ALICE, PageQuery(10))).groups
    assert liked.key is not None
    for _ in range(2):
        await groups.dismiss(ALICE, liked.key)
        assert (await groups.page(ALICE, PageQuery(10))).groups == [alone]
        assert [kind for kind, _, _ in await lists.of()] == [Kind.MENTION]
    await teller.tell_acts(_likes(clock, 1, first=3_000))
    assert (await groups.page(ALICE, PageQuery(10))).groups[0].account_ids == [3_000]


async def test_a_cleared_list_has_no_groups(
    groups: GroupReader, teller: Teller, put_away: PutAway, clock: FakeClock
) -> None:
    await teller.tell_acts(_likes(clock, 3))
    await put_away.clear(ALICE)
    assert (await groups.page(ALICE, PageQuery(10))).groups == []
    await teller.tell_acts(_likes(clock, 1, first=3_000))
    (group,) = (await groups.page(ALICE, PageQuery(10))).groups
    assert (group.account_ids, group.count) == ([3_000], 1)


async def test_types_that_are_not_to_be_grouped_are_told_one_by_one(
    groups: GroupReader, teller: Teller, acts: Any, clock: FakeClock
) -> None:
    follows = [acts.make(Kind.FOLLOW, BOB), acts.make(Kind.FOLLOW, CAROL)]
    await teller.tell_acts([*follows, *_likes(clock, 3)])
    page = await groups.page(ALICE, PageQuery(10), {Kind.FAVOURITE})
    assert [(_summary(group), group.key is None) for group in page.groups] == [
        ((Kind.FAVOURITE, POST, 3), False),
        ((Kind.FOLLOW, 0, 1), True),
        ((Kind.FOLLOW, 0, 1), True),
    ]
    (of_bob,) = (await groups.page(ALICE, PageQuery(10, account_id=BOB))).groups
    assert (of_bob.newest, of_bob.count) == (notification_of(follows[0]), 1)
    assert len((await groups.page(ALICE, PageQuery(10))).groups) == 2


async def test_who_is_in_a_group_is_told_by_pages(groups: GroupReader, teller: Teller, clock: FakeClock) -> None:
    likes = _likes(clock, 5)
    await teller.tell_acts(likes)
    ((group,), found, reached_id) = (await groups.page(ALICE, PageQuery(10))).groups, [], 0
    assert group.key is not None
    while True:
        members, reached_id = await groups.members(ALICE, group.key, PageQuery(2, max_id=reached_id))
        found += [each.account_id for each in members]
        if not reached_id:
            break
    assert found == [like.account_id for like in likes[::-1]]
    upwards, _ = await groups.members(ALICE, group.key, PageQuery(2, min_id=notification_id(likes[1])))
    assert [each.account_id for each in upwards] == [likes[3].account_id, likes[2].account_id]


async def test_a_large_group_is_a_few_rows_and_counted_once_a_minute(
    groups: GroupReader, teller: Teller, acts: Any, heads: Any, group_members: Any
) -> None:
    clock_ms = acts.make(Kind.MENTION).at_ms
    start = clock_ms - clock_ms % HEAD_MS
    likes = [Act(ALICE, Kind.FAVOURITE, 1_000 + n, POST, POST, start + n * 50) for n in range(LARGE + 200)]
    await teller.tell_acts(likes)
    assert len(await heads.older(ALICE, 1 << 62, 0, 100)) == 1
    (group,) = (await groups.page(ALICE, PageQuery(10))).groups
    assert group.count == LARGE + 200
    await teller.tell_acts([Act(ALICE, Kind.FAVOURITE, 9_999, POST, POST, start + HEAD_MS - 1)])
    (again,) = (await groups.page(ALICE, PageQuery(10))).groups
    assert (again.count, again.account_ids[0]) == (LARGE + 200, 9_999)
    assert again.key is not None
    assert await group_members.count(ALICE, again.key, 0) == LARGE + 201
