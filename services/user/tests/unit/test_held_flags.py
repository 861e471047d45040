"""What a process holds of relationships: read without their entries, and never against their epochs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from user_service.relationships import held
from user_service.relationships.held import HELD_SECONDS, HeldFlags
from user_service.relationships.models import FollowSettings, Relationship, flags_of

if TYPE_CHECKING:
    from tests.conftest import FakeRedisClient, World

EPOCHS = {1: b"own", 2: b"other", 3: b"third"}
FOLLOWING = Relationship(2, following=True, showing_reblogs=True)


@pytest.fixture
def asked(redis: FakeRedisClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of entries that Redis was asked for."""
    names, mget = list[str](), redis.mget

    async def note(name: str, keys: Sequence[str | bytes], *, timeout: float = 1.0) -> list[bytes | None]:
        names.extend(str(key) for key in keys if ":epoch:" not in str(key))
        return await mget(name, keys, timeout=timeout)

    monkeypatch.setattr(redis, "mget", note)
    return names


async def test_what_is_held_is_not_read_again_until_either_changes(world: World, asked: list[str]) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    follows = await world.relationships.follow(alice, bob, FollowSettings())
    for _ in range(3):  # the first makes the epochs
        found = (await world.relationships.flags({alice: [bob, carol]}))[alice]
    assert found.flags == {bob: flags_of(follows), carol: 0}
    asked.clear()
    assert (await world.relationships.flags({alice: [bob, carol]}))[alice] == found
    assert asked == []
    blocked = await world.relationships.block(carol, alice)
    assert blocked.blocking
    [flags] = [(await world.relationships.flags({alice: [bob, carol]}))[alice].flags]
    assert flags == {bob: flags_of(follows), carol: flags_of(Relationship(carol, blocked_by=True))}


async def test_other_viewers_and_unknown_accounts_are_kept_apart(world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    follows = await world.relationships.follow(alice, bob, FollowSettings())
    for _ in range(3):
        found = await world.relationships.flags({alice: [bob, 999], bob: [alice]})
        assert found[alice].flags == {bob: flags_of(follows)}
        assert found[bob].flags == {alice: flags_of(Relationship(alice, followed_by=True))}


async def test_a_mute_that_ends_by_itself_ends_here_too(world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    await world.relationships.mute(alice, bob, notifications=True, duration=timedelta(seconds=5))
    for _ in range(3):
        assert (await world.relationships.flags({alice: [bob]}))[alice].flags[bob]
    world.clock.advance(6)
    assert (await world.relationships.flags({alice: [bob]}))[alice].flags == {bob: 0}


async def test_without_redis_nothing_that_is_held_counts(world: World, redis: FakeRedisClient) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    for _ in range(3):
        assert (await world.relationships.flags({alice: [bob]}))[alice].flags == {bob: 0}
    redis.server.away = True
    await world.relationships.block(bob, alice)
    assert (await world.relationships.flags({alice: [bob]}))[alice].flags[bob]


def test_it_is_held_for_a_while_only() -> None:
    flags = HeldFlags()
    flags.keep(1, FOLLOWING, EPOCHS, 10.0)
    assert flags.of(1, 10.0).flags == {2: (b"other", flags_of(FOLLOWING))}
    assert flags.of(1, 10.0 + HELD_SECONDS).flags == {}
    flags.keep(1, Relationship(3), EPOCHS, 10.0 + HELD_SECONDS)
    assert list(flags.of(1, 10.0 + HELD_SECONDS).flags) == [3]


def test_what_has_no_epoch_or_is_more_than_flags_is_not_held() -> None:
    flags = HeldFlags()
    for relationship, epochs in (
        (FOLLOWING, {1: b"own", 2: None}),
        (FOLLOWING, {1: None, 2: b"other"}),
        (Relationship(2, note="a rook"), EPOCHS),
        (Relationship(2, languages=("en",)), EPOCHS),
    ):
        flags.keep(1, relationship, epochs, 1.0)
    assert flags.of(1, 1.0).flags == {}


def test_no_more_is_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "VIEWERS", 2)
    monkeypatch.setattr(held, "ACCOUNTS_OF_VIEWER", 2)
    flags = HeldFlags()
    for viewer in (1, 2, 3):
        flags.keep(viewer, Relationship(9), {viewer: b"own", 9: b"ninth"}, 1.0)
    assert [len(flags.of(viewer, 1.0).flags) for viewer in (1, 2, 3)] == [0, 1, 1]
    for account in (4, 5):
        flags.keep(3, Relationship(account), {3: b"own", account: b"x"}, 1.0)
    assert list(flags.of(3, 1.0).flags) == [5]
