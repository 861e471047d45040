"""The rules of the user service, over fakes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rookery_common.errors import Unavailable
from rookery_common.testing import FakeClock
from user_service.errors import (
    AccountNotFound,
    CannotRelateToOneself,
    FieldInvalid,
    RequestIdReused,
    ReservationNotFound,
    UsernameInvalid,
    UsernameTaken,
)
from user_service.models import PostFact
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import FakeRedisClient, FakeRepository, World

NOTHING = FollowSettings()


def _types(repository: FakeRepository) -> list[str]:
    return [event.type.rpartition(".")[2] for event in repository.events]


async def test_the_same_request_reserves_the_same_account(world: World) -> None:
    first = await world.service.reserve_account("r", "Alice")
    again = await world.service.reserve_account("r", "alice")
    assert (again.account_id, again.username) == (first.account_id, "Alice")


async def test_a_reserved_name_is_taken_for_others_in_any_case(world: World) -> None:
    await world.service.reserve_account("r", "Alice")
    with pytest.raises(UsernameTaken) as caught:
        await world.service.reserve_account("other", "aLICE")
    assert [(v.field, v.code) for v in caught.value.fields] == [("username", "ERR_TAKEN")]


async def test_an_expired_reservation_frees_its_name(world: World, clock: FakeClock) -> None:
    first = await world.service.reserve_account("r", "alice")
    assert first.expires_at - clock.now() == timedelta(minutes=15)
    clock.advance(15 * 60)
    second = await world.service.reserve_account("other", "alice")
    assert second.account_id != first.account_id
    with pytest.raises(ReservationNotFound):
        await world.service.confirm_account(first.account_id, "r")
    with pytest.raises(UsernameTaken):
        await world.service.reserve_account("r", "alice")
    await world.service.confirm_account(second.account_id, "other")


async def test_a_retry_holds_the_name_for_another_fifteen_minutes(world: World, clock: FakeClock) -> None:
    await world.service.reserve_account("r", "alice")
    clock.advance(14 * 60)
    await world.service.reserve_account("r", "alice")
    clock.advance(14 * 60)
    with pytest.raises(UsernameTaken):
        await world.service.reserve_account("other", "alice")


async def test_a_late_confirmation_finds_its_name_while_nobody_has_taken_it(world: World, clock: FakeClock) -> None:
    reservation = await world.service.reserve_account("r", "alice")
    clock.advance(3600)
    account = await world.service.confirm_account(reservation.account_id, "r")
    assert account.username == "alice"


async def test_a_request_id_stands_for_one_username(world: World) -> None:
    await world.service.reserve_account("r", "alice")
    with pytest.raises(RequestIdReused):
        await world.service.reserve_account("r", "bob")


async def test_reserving_checks_its_fields(world: World) -> None:
    with pytest.raises(FieldInvalid, match="request_id"):
        await world.service.reserve_account("", "alice")
    with pytest.raises(FieldInvalid, match="request_id"):
        await world.service.reserve_account("r" * 129, "alice")
    with pytest.raises(FieldInvalid, match="request_id"):
        await world.service.reserve_account("r\x00", "alice")
    with pytest.raises(UsernameInvalid):
        await world.service.reserve_account("r", "Mayor")


async def test_confirming_twice_makes_one_account_and_one_event(world: World, fake_repository: FakeRepository) -> None:
    reservation = await world.service.reserve_account("r", "Alice")
    first = await world.service.confirm_account(reservation.account_id, "r")
    assert await world.service.confirm_account(reservation.account_id, "r") == first
    assert (first.username, first.display_name, first.locked, first.version) == ("Alice", "", False, 1)
    assert _types(fake_repository) == ["AccountCreated"]
    with pytest.raises(UsernameTaken):
        await world.service.reserve_account("other", "alice")
    assert (await world.service.reserve_account("r", "alice")).confirmed


async def test_only_the_request_that_reserved_confirms(world: World) -> None:
    reservation = await world.service.reserve_account("r", "alice")
    with pytest.raises(ReservationNotFound):
        await world.service.confirm_account(reservation.account_id, "other")
    with pytest.raises(ReservationNotFound):
        await world.service.confirm_account(reservation.account_id + 1, "r")


async def test_accounts_are_found_by_name_in_any_case_and_in_order(world: World) -> None:
    await world.sign_up("alice")
    await world.sign_up("Bob")
    strange = ["", "a\x00b", "alice@example.org", "x" * 10_000]
    found = await world.service.lookup_accounts(["BOB", "nobody_here", *strange, "alice", "bob"])
    assert [account.username for account in found] == ["Bob", "alice"]
    assert await world.service.lookup_accounts([]) == []
    with pytest.raises(FieldInvalid, match="usernames"):
        await world.service.lookup_accounts(["a"] * 101)


async def test_following_twice_is_one_follow(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    first = await world.relationships.follow(alice, bob, NOTHING)
    assert first == await world.relationships.follow(alice, bob, NOTHING)
    assert (first.account_id, first.following, first.showing_reblogs, first.notifying) == (bob, True, True, False)
    assert (await world.counts(bob)).followers == (await world.counts(alice)).following == 1
    assert _types(fake_repository)[2:] == ["FollowCreated"]


async def test_settings_of_a_follow_change_alone(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    await world.relationships.follow(alice, bob, FollowSettings(languages=("en",)))
    changed = await world.relationships.follow(alice, bob, FollowSettings(reblogs=False, notify=True))
    assert (changed.showing_reblogs, changed.notifying, changed.languages) == (False, True, ("en",))
    assert _types(fake_repository)[2:] == ["FollowCreated", "FollowUpdated"]
    assert [event.version for event in fake_repository.events[2:]] == [1, 2]


async def test_unfollowing_ends_it_and_needs_no_follow(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    assert not (await world.relationships.unfollow(alice, bob)).following
    await world.relationships.follow(alice, bob, NOTHING)
    assert not (await world.relationships.unfollow(alice, bob)).following
    assert not (await world.relationships.unfollow(alice, bob)).following
    assert (await world.counts(bob)).followers == 0
    assert _types(fake_repository)[2:] == ["FollowCreated", "FollowEnded"]


async def test_one_can_follow_neither_oneself_nor_nobody(world: World) -> None:
    alice = await world.sign_up("alice")
    for call in (world.relationships.unfollow(alice, alice), world.relationships.follow(alice, alice, NOTHING)):
        with pytest.raises(CannotRelateToOneself):
            await call
    for call in (world.relationships.unfollow(alice, 99), world.relationships.follow(alice, 99, NOTHING)):
        with pytest.raises(AccountNotFound):
            await call


@pytest.mark.parametrize("languages", [("english",), ("en\n",), ("",), ("e",), tuple(["en"] * 41)])
async def test_languages_are_codes_and_few(world: World, languages: tuple[str, ...]) -> None:
    with pytest.raises(FieldInvalid, match="languages"):
        await world.relationships.follow(1, 2, FollowSettings(languages=languages))


async def test_a_change_holds_for_the_next_read(world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    for _ in range(3):  # so that what is cached is what is read
        assert not (await world.relationships.between([(alice, bob)]))[alice, bob].following
        assert (await world.counts(bob)).followers == 0
    await world.relationships.follow(alice, bob, NOTHING)
    assert (await world.relationships.between([(alice, bob)]))[alice, bob].following
    assert (await world.relationships.between([(bob, alice)]))[bob, alice].followed_by
    assert (await world.counts(bob)).followers == 1


async def test_what_is_cached_is_not_read_again(world: World, fake_repository: FakeRepository) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    pairs = [(alice, bob), (bob, alice), (alice, 99)]
    for _ in range(2):
        await world.relationships.between(pairs[:2])
        await world.service.account_views([alice, bob])
    fake_repository.reads = 0
    assert set(await world.relationships.between(pairs[:2])) == {(alice, bob), (bob, alice)}
    assert set(await world.service.account_views([alice, bob])) == {alice, bob}
    assert fake_repository.reads == 0
    assert set(await world.relationships.between(pairs)) == {(alice, bob), (bob, alice)}


async def test_what_is_not_known_for_sure_is_left_out(
    world: World, fake_repository: FakeRepository, redis: FakeRedisClient
) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    for _ in range(2):
        await world.relationships.between([(alice, bob)])
    fake_repository.failure = Unavailable("the primary is away")
    assert set(await world.relationships.between([(alice, bob), (alice, carol)])) == {(alice, bob)}
    redis.server.values.clear()
    assert await world.relationships.between([(alice, bob)]) == {}
    with pytest.raises(Unavailable):
        await world.service.account_views([alice])


async def test_without_redis_all_is_read_from_the_database(world: World, redis: FakeRedisClient) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    redis.server.away = True
    await world.relationships.follow(alice, bob, NOTHING)
    assert (await world.relationships.between([(alice, bob)]))[alice, bob].following
    assert (await world.counts(bob)).followers == 1


async def test_lists_go_from_the_newest_to_the_oldest_by_tokens(world: World) -> None:
    alice = await world.sign_up("alice")
    others = [await world.sign_up(f"other{i}") for i in range(5)]
    for other in others:
        await world.relationships.follow(other, alice, NOTHING)
        await world.relationships.follow(alice, other, NOTHING)
    for pages in (world.lists.followers, world.lists.following):
        seen, token = await pages(alice, alice, 2, "")
        while token:
            page, token = await pages(alice, alice, 2, token)
            assert len(page) <= 2
            seen += page
        assert seen == others[::-1]


async def test_a_follow_made_while_paging_neither_skips_nor_repeats(world: World) -> None:
    alice = await world.sign_up("alice")
    others = [await world.sign_up(f"other{i}") for i in range(4)]
    for other in others[:3]:
        await world.relationships.follow(other, alice, NOTHING)
    first, token = await world.lists.followers(0, alice, 2, "")
    await world.relationships.follow(others[3], alice, NOTHING)
    await world.relationships.unfollow(first[0], alice)
    second, token = await world.lists.followers(0, alice, 2, token)
    assert (second, token) == ([others[0]], "")


async def test_lists_check_size_token_and_account(world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    for i in range(2):
        await world.relationships.follow(await world.sign_up(f"other{i}"), alice, NOTHING)
    for size in (-1, 81):
        with pytest.raises(FieldInvalid, match="page_size"):
            await world.lists.followers(0, alice, size, "")
    _, token = await world.lists.followers(0, alice, 1, "")
    for viewer, account, given in ((1, alice, token), (0, bob, token), (0, alice, "x"), (0, alice, token[:-1])):
        with pytest.raises(FieldInvalid, match="page_token"):
            await world.lists.followers(viewer, account, 1, given)
    with pytest.raises(FieldInvalid, match="page_token"):
        await world.lists.following(0, alice, 1, token)
    with pytest.raises(AccountNotFound):
        await world.lists.followers(0, 99, 1, "")


async def test_posts_are_counted_once_in_any_order(world: World, clock: FakeClock) -> None:
    alice = await world.sign_up("alice")
    shown = PostFact(alice, 1, 1, True, False, clock.now())
    deleted = PostFact(alice, 1, 2, False, True, clock.now())
    other = PostFact(alice, 2, 1, True, False, clock.now())
    for news, expected in (([shown, other, shown], 2), ([deleted], 1), ([shown, deleted], 1)):
        await world.service.count_posts(news)
        counts = await world.counts(alice)
        assert (counts.statuses, counts.last_status_at) == (expected, clock.now())
