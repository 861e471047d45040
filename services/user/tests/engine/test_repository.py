"""Every statement, over Postgres and over the fake alike, so that the fake cannot lie."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
import pytest_asyncio

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock
from user_service.events import Events
from user_service.models import (
    Account,
    Counts,
    PostDelta,
    PostFact,
    ProfileField,
    Reservation,
)
from user_service.repository import UserRepository

if TYPE_CHECKING:
    from tests.conftest import FakeRepository

ALICE, BOB, CAROL = 1, 2, 3


@pytest_asyncio.fixture(params=["fake", "postgres"])
async def repository(
    request: pytest.FixtureRequest, fake_repository: FakeRepository, pg: Postgres, outbox: PostgresOutbox
) -> UserRepository:
    return cast(UserRepository, fake_repository) if request.param == "fake" else UserRepository(pg, outbox)


def _reservation(clock: FakeClock, request_id: str, account_id: int, username: str = "Alice") -> Reservation:
    return Reservation(request_id, account_id, username, clock.now() + timedelta(minutes=15))


async def _accounts(repository: UserRepository, clock: FakeClock, *ids: int) -> None:
    async with repository.transaction() as tx:
        for id_ in ids:
            assert await tx.insert_account(Account(id_, f"user{id_}", clock.now()))


async def test_a_request_keeps_its_first_reservation(repository: UserRepository, clock: FakeClock) -> None:
    first = _reservation(clock, "r", ALICE)
    async with repository.transaction() as tx:
        assert await tx.put_reservation(first) == first
    clock.advance(60)
    later = _reservation(clock, "r", BOB, "bob")
    async with repository.transaction() as tx:
        kept = await tx.put_reservation(later)
    assert (kept.account_id, kept.username, kept.expires_at) == (ALICE, "Alice", later.expires_at)


async def test_a_name_is_held_until_it_expires_and_kept_for_good(repository: UserRepository, clock: FakeClock) -> None:
    mine, other = _reservation(clock, "r", ALICE), _reservation(clock, "s", BOB, "aLICE")
    async with repository.transaction() as tx:
        assert await tx.hold_username(mine, clock.now())
        assert await tx.hold_username(mine, clock.now())
        assert not await tx.hold_username(other, clock.now())
        assert not await tx.keep_username(other)
        clock.advance(15 * 60)
        assert await tx.hold_username(other, clock.now())
        assert not await tx.keep_username(mine)
        assert await tx.keep_username(other)
        clock.advance(15 * 60)
        assert not await tx.hold_username(mine, clock.now())
        assert not await tx.hold_username(other, clock.now())


async def test_only_the_right_reservation_is_confirmed(repository: UserRepository, clock: FakeClock) -> None:
    async with repository.transaction() as tx:
        await tx.put_reservation(_reservation(clock, "r", ALICE))
        assert await tx.confirm_reservation("r", BOB, clock.now()) is None
        assert await tx.confirm_reservation("s", ALICE, clock.now()) is None
        for _ in range(2):
            confirmed = await tx.confirm_reservation("r", ALICE, clock.now())
            assert confirmed is not None
            assert (confirmed.confirmed, confirmed.username) == (True, "Alice")


async def test_forgotten_names_are_only_those_long_expired(repository: UserRepository, clock: FakeClock) -> None:
    kept = _reservation(clock, "r", ALICE, "alice")
    async with repository.transaction() as tx:
        for reservation in (kept, _reservation(clock, "s", BOB, "bob"), _reservation(clock, "t", CAROL, "carol")):
            await tx.hold_username(reservation, clock.now())
        await tx.keep_username(kept)
    assert await repository.purge_usernames(clock.now(), 10) == 0
    clock.advance(3600)
    assert [await repository.purge_usernames(clock.now(), 1) for _ in range(3)] == [1, 1, 0]
    async with repository.transaction() as tx:  # a confirmation that comes later than that still finds the name free
        assert await tx.keep_username(_reservation(clock, "s", BOB, "bob"))
        assert not await tx.keep_username(_reservation(clock, "t", CAROL, "bob"))


async def test_an_account_comes_back_as_it_was_written(repository: UserRepository, clock: FakeClock) -> None:
    fields = (ProfileField("Home", "Lisbon"), ProfileField("Site", "https://a.example", clock.now()))
    account = Account(
        ALICE, "Alice", clock.now(), "Alice A.", "Birds: 'many'", True, True, True, True, "a.png", "h.png", fields, 7
    )
    async with repository.transaction() as tx:
        assert await tx.insert_account(account)
        assert not await tx.insert_account(account)
        assert await tx.account(ALICE) == account
        assert await tx.account(BOB) is None
    for primary in (True, False):
        assert await repository.accounts([ALICE, BOB], primary=primary) == {ALICE: (account, Counts())}


async def test_accounts_are_found_by_confirmed_names_only(repository: UserRepository, clock: FakeClock) -> None:
    alice, bob = _reservation(clock, "r", ALICE, "Alice"), _reservation(clock, "s", BOB, "bob")
    async with repository.transaction() as tx:
        for reservation in (alice, bob):
            await tx.hold_username(reservation, clock.now())
        await tx.keep_username(alice)
        await tx.insert_account(Account(ALICE, "Alice", clock.now()))
    found = await repository.accounts_by_username(["alice", "bob", "carol"], primary=True)
    assert [account.account_id for account in found] == [ALICE]


async def test_all_accounts_are_listed_by_id(repository: UserRepository, clock: FakeClock) -> None:
    await _accounts(repository, clock, ALICE, BOB)
    low, high = sorted((ALICE, BOB))
    assert [account.account_id for account in await repository.list_accounts(0, 10)] == [low, high]
    assert [account.account_id for account in await repository.list_accounts(0, 1)] == [low]
    assert [account.account_id for account in await repository.list_accounts(low, 10)] == [high]


async def test_what_is_known_of_posts_is_kept_and_counted(repository: UserRepository, clock: FakeClock) -> None:
    await _accounts(repository, clock, ALICE)
    known = PostFact(ALICE, 5, 2, True, False, clock.now())
    async with repository.transaction() as tx:
        assert await tx.lock_posts([(ALICE, 6), (ALICE, 5)]) == {
            (ALICE, 5): PostFact(ALICE, 5),
            (ALICE, 6): PostFact(ALICE, 6),
        }
        await tx.save_posts([known])
        await tx.count_posts({ALICE: PostDelta(1, clock.now()), BOB: PostDelta(-1)})
    async with repository.transaction() as tx:
        assert (await tx.lock_posts([known.key]))[known.key] == known
        await tx.count_posts({ALICE: PostDelta(2, clock.now() - timedelta(days=1))})
    counts = (await repository.accounts([ALICE], primary=True))[ALICE][1]
    assert counts == Counts(statuses=3, last_status_at=clock.now())


async def test_a_transaction_that_fails_changes_nothing(repository: UserRepository, clock: FakeClock) -> None:
    async def fail() -> None:
        async with repository.transaction() as tx:
            account = Account(ALICE, "alice", clock.now())
            await tx.insert_account(account)
            tx.emit(Events(clock).account_created(account))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await repository.accounts([ALICE], primary=True) == {}
