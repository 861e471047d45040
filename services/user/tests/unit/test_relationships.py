"""Blocks, mutes and requests to follow, over fakes: what they end, what they forbid, how long they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rookery_common.errors import AppError
from rookery_common.testing import FakeClock
from user_service.errors import (
    AccountNotFound,
    CannotRelateToOneself,
    FieldInvalid,
    FollowNotAllowed,
    FollowRequestNotFound,
)
from user_service.relationships.models import (
    MAX_PAGE_SIZE,
    FollowSettings,
    MutedAccount,
    Relationship,
    flags_of,
)

if TYPE_CHECKING:
    from tests.conftest import FakeRepository, World

NOTHING = FollowSettings()


async def _pair(world: World) -> tuple[int, int]:
    return await world.sign_up("alice"), await world.sign_up("bob")


async def _between(world: World, viewer: int, account: int) -> Relationship:
    """What both ways of asking answer, the one whole and the other in flags."""
    whole = (await world.relationships.between([(viewer, account)]))[viewer, account]
    found = (await world.relationships.flags({viewer: [account]}))[viewer]
    if whole.is_plain:
        assert (found.flags, found.others) == ({account: flags_of(whole)}, {})
    else:
        assert (found.flags, found.others) == ({}, {account: whole})
    return whole


def _lock(repository: FakeRepository, account_id: int) -> None:
    accounts = repository.state.accounts
    accounts[account_id] = replace(accounts[account_id], locked=True)


def _types(repository: FakeRepository) -> list[str]:
    types = [event.type.rpartition(".")[2] for event in repository.events]
    return [name for name in types if name != "AccountCreated"]


async def test_a_block_ends_follows_both_ways_and_holds_for_the_next_read(
    world: World, fake_repository: FakeRepository
) -> None:
    alice, bob = await _pair(world)
    await world.relationships.follow(alice, bob, NOTHING)
    await world.relationships.follow(bob, alice, NOTHING)
    for _ in range(3):  # so that what is cached is what is read
        assert not (await _between(world, bob, alice)).blocked_by
    assert await world.relationships.block(alice, bob) == Relationship(bob, blocking=True)
    assert await _between(world, alice, bob) == Relationship(bob, blocking=True)
    assert await _between(world, bob, alice) == Relationship(alice, blocked_by=True)
    assert await world.relationships.block(alice, bob) == Relationship(bob, blocking=True)
    for account in (alice, bob):
        counts = await world.counts(account)
        assert (counts.followers, counts.following) == (0, 0)
    assert _types(fake_repository)[2:] == ["FollowEnded", "FollowEnded", "BlockCreated"]


async def test_no_follow_begins_while_one_blocks_the_other(world: World) -> None:
    alice, bob = await _pair(world)
    await world.relationships.block(alice, bob)
    for follower, followee in ((alice, bob), (bob, alice)):
        with pytest.raises(FollowNotAllowed):
            await world.relationships.follow(follower, followee, NOTHING)
    assert await world.relationships.unblock(alice, bob) == Relationship(bob)
    assert await world.relationships.unblock(alice, bob) == Relationship(bob)
    assert (await world.relationships.follow(bob, alice, NOTHING)).following


async def test_each_may_block_the_other(world: World) -> None:
    alice, bob = await _pair(world)
    await world.relationships.block(alice, bob)
    both = await world.relationships.block(bob, alice)
    assert (both.blocking, both.blocked_by) == (True, True)
    assert await world.relationships.unblock(alice, bob) == Relationship(bob, blocked_by=True)


async def test_a_blocked_viewer_is_told_of_neither_followers_nor_following(world: World) -> None:
    alice, bob = await _pair(world)
    carol = await world.sign_up("carol")
    await world.relationships.follow(carol, alice, NOTHING)
    await world.relationships.follow(alice, carol, NOTHING)
    await world.relationships.block(alice, bob)
    for pages in (world.lists.followers, world.lists.following):
        assert await pages(bob, alice, 0, "") == ([], "")
        assert await pages(alice, alice, 0, "") == ([carol], "")
        assert await pages(0, alice, 0, "") == ([carol], "")


async def test_following_a_locked_account_asks_it(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await _pair(world)
    _lock(fake_repository, bob)
    for _ in range(2):
        asked = await world.relationships.follow(alice, bob, FollowSettings(notify=True))
        assert (asked.requested, asked.following, asked.notifying) == (True, False, True)
    assert (await _between(world, bob, alice)).requested_by
    assert (await world.counts(bob)).followers == 0
    assert await world.lists.requests(bob, 0, "") == ([alice], "")
    granted = await world.relationships.authorize(bob, alice)
    assert (granted.followed_by, granted.requested_by) == (True, False)
    assert await world.relationships.authorize(bob, alice) == granted
    follow = await _between(world, alice, bob)
    assert (follow.following, follow.requested, follow.notifying) == (True, False, True)
    assert await world.lists.requests(bob, 0, "") == ([], "")
    assert (await world.counts(bob)).followers == 1
    assert _types(fake_repository) == ["FollowRequested", "FollowCreated"]
    assert [event.version for event in fake_repository.events[-2:]] == [1, 2]


async def test_a_request_is_rejected_or_withdrawn(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await _pair(world)
    _lock(fake_repository, bob)
    await world.relationships.follow(alice, bob, NOTHING)
    for _ in range(2):
        assert await world.relationships.reject(bob, alice) == Relationship(alice)
    await world.relationships.follow(alice, bob, NOTHING)
    assert await world.relationships.unfollow(alice, bob) == Relationship(bob)
    assert await world.lists.requests(bob, 0, "") == ([], "")
    assert _types(fake_repository) == ["FollowRequested", "FollowRequestEnded"] * 2


async def test_only_a_request_is_granted(world: World) -> None:
    alice, bob = await _pair(world)
    for answer in (world.relationships.authorize, world.relationships.reject):
        with pytest.raises(FollowRequestNotFound):
            await answer(bob, alice)
    await world.relationships.follow(alice, bob, NOTHING)
    with pytest.raises(FollowRequestNotFound):
        await world.relationships.reject(bob, alice)


async def test_a_block_ends_requests_too(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await _pair(world)
    _lock(fake_repository, bob)
    await world.relationships.follow(alice, bob, NOTHING)
    await world.relationships.block(bob, alice)
    assert await world.lists.requests(bob, 0, "") == ([], "")
    assert _types(fake_repository) == ["FollowRequested", "FollowRequestEnded", "BlockCreated"]


async def test_a_follower_is_removed_and_may_come_back(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await _pair(world)
    await world.relationships.follow(bob, alice, NOTHING)
    for _ in range(2):
        assert await world.relationships.remove_follower(alice, bob) == Relationship(bob)
    assert (await world.counts(alice)).followers == 0
    await world.relationships.follow(bob, alice, NOTHING)
    assert _types(fake_repository) == ["FollowCreated", "FollowEnded", "FollowCreated"]


async def test_a_mute_holds_until_it_is_taken_back(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await _pair(world)
    await world.relationships.follow(alice, bob, NOTHING)
    muted = await world.relationships.mute(alice, bob)
    assert (muted.muting, muted.muting_notifications, muted.following) == (True, True, True)
    assert await world.relationships.mute(alice, bob) == muted
    changed = await world.relationships.mute(alice, bob, notifications=False)
    assert (changed.muting, changed.muting_notifications) == (True, False)
    assert await _between(world, bob, alice) == Relationship(alice, followed_by=True)
    for _ in range(2):
        assert not (await world.relationships.unmute(alice, bob)).muting
    assert await world.lists.mutes(alice, 0, "") == ([], "")
    assert _types(fake_repository)[1:] == ["MuteCreated", "MuteUpdated", "MuteEnded"]


async def test_a_mute_with_an_end_ends_by_itself_also_where_it_is_cached(world: World, clock: FakeClock) -> None:
    alice, bob = await _pair(world)
    until = clock.now() + timedelta(seconds=30)
    await world.relationships.mute(alice, bob, duration=timedelta(seconds=30))
    for _ in range(3):
        assert (await _between(world, alice, bob)).muting
    assert await world.lists.mutes(alice, 0, "") == ([MutedAccount(bob, until)], "")
    clock.advance(30)
    assert await _between(world, alice, bob) == Relationship(bob)
    assert await world.lists.mutes(alice, 0, "") == ([], "")
    assert (await world.relationships.mute(alice, bob)).muted_until is None


async def test_a_mute_that_has_run_out_is_told_of_once(
    world: World, fake_repository: FakeRepository, clock: FakeClock
) -> None:
    alice, bob = await _pair(world)
    carol = await world.sign_up("carol")
    await world.relationships.mute(alice, bob, duration=timedelta(seconds=30))
    await world.relationships.mute(alice, carol)
    assert await world.relationships.end_expired_mutes(10) == 0
    clock.advance(30)
    assert [await world.relationships.end_expired_mutes(10) for _ in range(2)] == [1, 0]
    assert _types(fake_repository) == ["MuteCreated", "MuteCreated", "MuteEnded"]
    assert (await _between(world, alice, carol)).muting


async def test_who_waits_follows_once_the_account_is_not_locked(world: World, fake_repository: FakeRepository) -> None:
    alice = await world.sign_up("alice")
    _lock(fake_repository, alice)
    others = [await world.sign_up(f"other{number}") for number in range(MAX_PAGE_SIZE + 2)]
    for other in others:
        await world.relationships.follow(other, alice, NOTHING)
    assert await world.relationships.grant_waiting(alice) == 0
    accounts = fake_repository.state.accounts
    accounts[alice] = replace(accounts[alice], locked=False)
    assert [await world.relationships.grant_waiting(alice) for _ in range(2)] == [len(others), 0]
    assert (await world.counts(alice)).followers == len(others)


@pytest.mark.parametrize("duration", [timedelta(), timedelta(seconds=-1), timedelta(days=3651)])
async def test_a_mute_lasts_some_time_and_not_for_ages(world: World, duration: timedelta) -> None:
    alice, bob = await _pair(world)
    with pytest.raises(FieldInvalid, match="duration"):
        await world.relationships.mute(alice, bob, duration=duration)


@pytest.mark.parametrize(
    "name", ["unfollow", "remove_follower", "authorize", "reject", "block", "unblock", "mute", "unmute"]
)
async def test_nobody_relates_to_oneself_or_to_nobody(world: World, name: str) -> None:
    alice = await world.sign_up("alice")
    errors: tuple[tuple[int, type[AppError]], ...] = ((alice, CannotRelateToOneself), (404, AccountNotFound))
    for other, error in errors:
        with pytest.raises(error):
            await getattr(world.relationships, name)(alice, other)


async def test_lists_of_ones_own_go_by_tokens(world: World, fake_repository: FakeRepository) -> None:
    alice = await world.sign_up("alice")
    _lock(fake_repository, alice)
    others = [await world.sign_up(f"other{i}") for i in range(3)]
    for other in others:
        await world.relationships.follow(other, alice, NOTHING)
    blocked, muted = others[:2], others[1:]
    first, token = await world.lists.requests(alice, 2, "")
    assert (first, await world.lists.requests(alice, 2, token)) == (others[:0:-1], ([others[0]], ""))
    with pytest.raises(FieldInvalid, match="page_token"):
        await world.lists.blocks(alice, 2, token)
    for account in blocked:
        await world.relationships.block(alice, account)
    for account in muted:
        await world.relationships.mute(alice, account)
    page, token = await world.lists.blocks(alice, 1, "")
    assert (page, await world.lists.blocks(alice, 1, token)) == ([blocked[1]], ([blocked[0]], ""))
    accounts, token = await world.lists.mutes(alice, 1, "")
    rest, end = await world.lists.mutes(alice, 1, token)
    assert ([each.account_id for each in [*accounts, *rest]], end) == (muted[::-1], "")


@pytest.mark.parametrize("count", [0, 41])
async def test_familiar_followers_are_asked_for_of_so_many_at_once(world: World, count: int) -> None:
    with pytest.raises(FieldInvalid, match="account_ids"):
        await world.lists.familiar(1, list(range(1, count + 1)))
