"""Every statement about relationships, over Postgres and over the fake alike, so that the fake cannot lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
import pytest_asyncio

from rookery_common.clients.postgres import Postgres
from rookery_common.ids import MAX_ID
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock
from user_service.models import Account, Counts
from user_service.relationships.models import FollowSettings, Listed, MutedAccount, Pair, Relationship, Ties
from user_service.relationships.repository import RelationshipRepository
from user_service.repository import UserRepository

if TYPE_CHECKING:
    from tests.conftest import FakeRepository

ALICE, BOB, CAROL = 1, 2, 3
SETTINGS = FollowSettings(languages=("en",))


@dataclass
class Stores:
    """Both repositories over one database."""

    accounts: UserRepository
    ties: RelationshipRepository
    clock: FakeClock

    async def add(self, *ids: int) -> None:
        async with self.accounts.transaction() as tx:
            for id_ in ids:
                assert await tx.insert_account(Account(id_, f"user{id_}", self.clock.now()))

    async def change(self, account: int, other: int, change: Callable[[Ties], Ties]) -> Ties:
        return (await self.change_all([(account, other)], change))[0]

    async def change_all(self, pairs: Sequence[Pair], change: Callable[[Ties], Ties]) -> list[Ties]:
        """In one transaction."""
        async with self.ties.transaction(pairs) as tx:
            found = await tx.ties(pairs, self.clock.now())
            changes = [(found[pair], change(found[pair])) for pair in pairs]
            await tx.save(changes)
        return [after for _, after in changes]

    async def follow(self, account: int, other: int, follow_id: int) -> Ties:
        def begin(ties: Ties) -> Ties:
            return replace(ties, follow=ties.follow.started(SETTINGS, follow_id, self.clock.now()))

        return await self.change(account, other, begin)

    async def mute(self, account: int, other: int, mute_id: int, expires_at: datetime | None) -> Ties:
        def begin(ties: Ties) -> Ties:
            now = self.clock.now()
            return replace(ties, mute=ties.mute.started(mute_id, now, notifications=False, expires_at=expires_at))

        return await self.change(account, other, begin)

    async def counts(self, *ids: int) -> list[Counts]:
        found = await self.accounts.accounts(ids, primary=True)
        return [found[id_][1] for id_ in ids]


@pytest_asyncio.fixture(params=["fake", "postgres"])
async def stores(
    request: pytest.FixtureRequest,
    fake_repository: FakeRepository,
    clock: FakeClock,
    pg: Postgres,
    outbox: PostgresOutbox,
) -> Stores:
    if request.param == "fake":
        return Stores(cast(UserRepository, fake_repository), cast(RelationshipRepository, fake_repository), clock)
    return Stores(UserRepository(pg, outbox), RelationshipRepository(pg, outbox), clock)


async def test_a_change_needs_both_accounts(stores: Stores) -> None:
    await stores.add(ALICE)
    for pair in ((ALICE, BOB), (BOB, ALICE)):
        async with stores.ties.transaction([pair]) as tx:
            assert await tx.ties([pair], stores.clock.now()) == {}
    for primary in (True, False):
        assert await stores.ties.account_exists(ALICE, primary=primary)
        assert not await stores.ties.account_exists(BOB, primary=primary)


async def test_a_follow_is_at_both_ends_and_in_both_counts(stores: Stores) -> None:
    await stores.add(ALICE, BOB)
    followed = await stores.follow(ALICE, BOB, 10)
    pairs = [(ALICE, BOB), (BOB, ALICE), (ALICE, CAROL)]
    assert await stores.ties.relationships(pairs) == {
        (ALICE, BOB): Relationship(BOB, True, True, False, ("en",)),
        (BOB, ALICE): Relationship(ALICE, followed_by=True),
    }
    assert await stores.counts(ALICE, BOB) == [Counts(following=1), Counts(followers=1)]
    wanted = FollowSettings(reblogs=False)
    changed = await stores.change(ALICE, BOB, lambda ties: replace(ties, follow=ties.follow.changed(wanted)))
    assert changed.follow == replace(followed.follow, reblogs=False, version=2)
    assert not (await stores.ties.relationships(pairs))[ALICE, BOB].showing_reblogs
    await stores.change(ALICE, BOB, lambda ties: replace(ties, follow=ties.follow.ended()))
    assert await stores.ties.relationships(pairs[:1]) == {(ALICE, BOB): Relationship(BOB)}
    assert await stores.counts(ALICE, BOB) == [Counts(), Counts()]
    ended = await stores.change(BOB, ALICE, lambda ties: ties)
    assert (ended.back.active, ended.back.version) == (False, 3)


async def test_changes_between_several_are_saved_together(stores: Stores) -> None:
    await stores.add(ALICE, BOB, CAROL)
    await stores.follow(ALICE, BOB, 10)
    await stores.follow(CAROL, BOB, 11)
    pairs = [(CAROL, BOB), (ALICE, CAROL), (BOB, ALICE)]

    def all_that_may_be(ties: Ties) -> Ties:
        now, account = stores.clock.now(), ties.follow.follower_id
        if account == CAROL:
            return replace(ties, follow=ties.follow.ended(), remark=replace(ties.remark, note="was fun"))
        if account == ALICE:
            return replace(ties, follow=ties.follow.started(SETTINGS, 12, now))
        return replace(ties, back=ties.back.ended(), block=ties.block.started(13, now))

    await stores.change_all(pairs, all_that_may_be)
    assert await stores.ties.relationships(pairs) == {
        (CAROL, BOB): Relationship(BOB, note="was fun"),
        (ALICE, CAROL): Relationship(CAROL, True, True, False, ("en",)),
        (BOB, ALICE): Relationship(ALICE, blocking=True),
    }
    assert await stores.counts(ALICE, BOB, CAROL) == [Counts(following=1), Counts(), Counts(followers=1)]


async def test_both_directions_end_at_once(stores: Stores) -> None:
    await stores.add(ALICE, BOB)
    await stores.follow(ALICE, BOB, 10)
    await stores.follow(BOB, ALICE, 11)
    assert await stores.counts(ALICE, BOB) == [Counts(1, 1), Counts(1, 1)]
    await stores.change(BOB, ALICE, lambda t: replace(t, follow=t.follow.ended(), back=t.back.ended()))
    assert await stores.counts(ALICE, BOB) == [Counts(), Counts()]
    assert await stores.ties.followers(ALICE, MAX_ID, 3, primary=True) == Listed()
    assert await stores.ties.followers(BOB, MAX_ID, 3, primary=True) == Listed()


async def test_a_request_is_at_both_ends_and_in_no_count(stores: Stores) -> None:
    await stores.add(ALICE, BOB)
    now = stores.clock.now()
    asked = await stores.change(ALICE, BOB, lambda t: replace(t, follow=t.follow.asked(SETTINGS, 10, now)))
    assert (asked.follow.requested, asked.follow.requested_at) == (True, now)
    pairs = [(ALICE, BOB), (BOB, ALICE)]
    found = await stores.ties.relationships(pairs)
    assert found[ALICE, BOB] == Relationship(BOB, showing_reblogs=True, languages=("en",), requested=True)
    assert found[BOB, ALICE] == Relationship(ALICE, requested_by=True)
    assert await stores.ties.requests(BOB, MAX_ID, 3) == Listed([ALICE])
    assert await stores.counts(ALICE, BOB) == [Counts(), Counts()]
    granted = await stores.change(BOB, ALICE, lambda t: replace(t, back=t.back.granted(20, now)))
    assert (granted.back.active, granted.back.languages, granted.back.version) == (True, ("en",), 2)
    assert await stores.ties.requests(BOB, MAX_ID, 3) == Listed()
    assert await stores.ties.followers(BOB, MAX_ID, 3, primary=True) == Listed([ALICE])
    assert await stores.counts(ALICE, BOB) == [Counts(following=1), Counts(followers=1)]


async def test_a_block_is_at_both_ends(stores: Stores) -> None:
    await stores.add(ALICE, BOB)
    now = stores.clock.now()
    pairs = [(ALICE, BOB), (BOB, ALICE)]
    for version in (1, 3):
        blocked = await stores.change(ALICE, BOB, lambda t: replace(t, block=t.block.started(10, now)))
        assert blocked.block.version == version
        found = await stores.ties.relationships(pairs)
        assert (found[ALICE, BOB].blocking, found[ALICE, BOB].blocked_by) == (True, False)
        assert (found[BOB, ALICE].blocking, found[BOB, ALICE].blocked_by) == (False, True)
        assert await stores.ties.is_blocked(BOB, by=ALICE)
        assert not await stores.ties.is_blocked(ALICE, by=BOB)
        assert (await stores.change(BOB, ALICE, lambda t: t)).blocked == blocked.block
        assert await stores.ties.blocks(ALICE, MAX_ID, 3) == Listed([BOB])
        await stores.change(ALICE, BOB, lambda t: replace(t, block=t.block.ended()))
        assert await stores.ties.blocks(ALICE, MAX_ID, 3) == Listed()
        assert set((await stores.ties.relationships(pairs)).values()) == {Relationship(BOB), Relationship(ALICE)}
        assert not await stores.ties.is_blocked(BOB, by=ALICE)


async def test_a_mute_is_at_one_end_and_lasts_as_long_as_it_is_meant_to(stores: Stores) -> None:
    await stores.add(ALICE, BOB, CAROL)
    now = stores.clock.now()
    until = now + timedelta(hours=1)
    for id_, expires_at in ((BOB, until), (CAROL, None)):
        muted = await stores.mute(ALICE, id_, id_, expires_at)
        assert (await stores.change(ALICE, id_, lambda t: t)).mute == muted.mute
    found = await stores.ties.relationships([(ALICE, BOB), (BOB, ALICE)])
    assert found[ALICE, BOB] == Relationship(BOB, muting=True, muted_until=until)
    assert found[BOB, ALICE] == Relationship(ALICE)
    both = [MutedAccount(CAROL, None), MutedAccount(BOB, until)]
    assert await stores.ties.mutes(ALICE, MAX_ID, 3, now) == Listed(both)
    assert await stores.ties.mutes(ALICE, MAX_ID, 3, until) == Listed(both[:1])
    await stores.change(ALICE, CAROL, lambda t: replace(t, mute=t.mute.ended()))
    assert await stores.ties.mutes(ALICE, MAX_ID, 3, now) == Listed(both[1:])


async def test_lists_are_in_order_and_bounded(stores: Stores) -> None:
    ids = [ALICE, *range(10, 15)]
    await stores.add(*ids)
    for id_ in ids[1:]:
        await stores.follow(id_, ALICE, 100 + id_)
        await stores.follow(ALICE, id_, 200 + id_)
    ties = stores.ties
    assert await ties.followers(ALICE, MAX_ID, 3, primary=True) == Listed([14, 13, 12], 112)
    assert await ties.followers(ALICE, 112, 3, primary=False) == Listed([11, 10])
    assert await ties.following(ALICE, MAX_ID, 5, primary=True) == Listed([14, 13, 12, 11, 10])
    assert await ties.following(ALICE, 213, 2, primary=False) == Listed([12, 11], 211)
    assert await ties.following(CAROL, MAX_ID, 2, primary=False) == Listed()


async def test_a_remark_is_kept_and_its_endorsement_ends_with_the_follow(stores: Stores) -> None:
    await stores.add(ALICE, BOB)
    await stores.follow(ALICE, BOB, 10)

    def remark(ties: Ties) -> Ties:
        return replace(ties, remark=replace(ties.remark, note="Sings", endorsement_id=11))

    after = await stores.change(ALICE, BOB, remark)
    assert (after.remark.note, after.remark.endorsement_id) == ("Sings", 11)
    assert await stores.ties.endorsements(ALICE, MAX_ID, 5) == Listed([BOB])
    assert (await stores.ties.relationships([(ALICE, BOB)]))[ALICE, BOB].endorsed
    await stores.change(ALICE, BOB, lambda ties: replace(ties, follow=ties.follow.ended()))
    assert await stores.ties.endorsements(ALICE, MAX_ID, 5) == Listed([])
    known = (await stores.ties.relationships([(ALICE, BOB)]))[ALICE, BOB]
    assert (known.endorsed, known.note) == (False, "Sings")


async def test_mutes_that_have_run_out_are_found_the_longest_first(stores: Stores) -> None:
    await stores.add(ALICE, BOB, CAROL)
    now = stores.clock.now()
    await stores.mute(ALICE, BOB, 1, now - timedelta(seconds=1))
    await stores.mute(BOB, CAROL, 2, now + timedelta(seconds=1))
    await stores.mute(CAROL, ALICE, 3, None)
    assert await stores.ties.expired_mutes(now, 10) == [(ALICE, BOB)]
    assert await stores.ties.expired_mutes(now + timedelta(seconds=2), 1) == [(ALICE, BOB)]
    assert not await stores.ties.is_locked(ALICE)
