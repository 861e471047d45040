"""A wired user service over a repository in memory or in Postgres, and helpers that both kinds of test use."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import pytest

from rookery_common.clients.redis import RedisClient, RedisUnavailable
from rookery_common.ids import IdSource
from rookery_common.kafka.events import Event
from rookery_common.paging import CursorCodec
from rookery_common.testing import FakeClock, FakeIds
from user_service import encodings
from user_service.cache import EpochCache
from user_service.events import Events
from user_service.models import Account, Counts, PostDelta, PostFact, Reservation
from user_service.relationship_events import RelationshipEvents
from user_service.relationships.listing import RelationshipLists
from user_service.relationships.models import (
    Block,
    Follow,
    Listed,
    Mute,
    MutedAccount,
    Pair,
    Relationship,
    Remark,
    Ties,
)
from user_service.relationships.repository import RelationshipRepository
from user_service.relationships.service import Relationships
from user_service.repository import UserRepository
from user_service.service import Caches, UserService
from user_service.servicer import encode_account

T = TypeVar("T")


@dataclass
class State:
    """What the fake's database holds."""

    reservations: dict[str, Reservation] = field(default_factory=dict)
    usernames: dict[str, tuple[int, datetime | None]] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    follows: dict[Pair, Follow] = field(default_factory=dict)
    blocks: dict[Pair, Block] = field(default_factory=dict)
    mutes: dict[Pair, Mute] = field(default_factory=dict)
    remarks: dict[Pair, Remark] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    posts: dict[Pair, PostFact] = field(default_factory=dict)
    statuses: dict[int, PostDelta] = field(default_factory=dict)

    def relationships(self, pairs: Iterable[Pair]) -> dict[Pair, Relationship]:
        """Mutes also where they have run out, as the database answers them."""
        always = datetime.min.replace(tzinfo=UTC)
        return {pair: self.ties(*pair, always).relationship(always) for pair in pairs if pair[1] in self.accounts}

    def ties(self, account: int, other: int, now: datetime) -> Ties:
        here, there = (account, other), (other, account)
        return Ties(
            locked=self.accounts[other].locked,
            follow=self.follows.get(here, Follow(*here, 0, now)),
            back=self.follows.get(there, Follow(*there, 0, now)),
            block=self.blocks.get(here, Block(*here, 0, now)),
            blocked=self.blocks.get(there, Block(*there, 0, now)),
            mute=self.mutes.get(here, Mute(*here, 0, now)),
            remark=self.remarks.get(here, Remark(*here)),
        )

    def counts(self, account_id: int) -> Counts:
        active = [pair for pair, follow in self.follows.items() if follow.active]
        posts = self.statuses.get(account_id, PostDelta())
        return Counts(
            sum(followee == account_id for _, followee in active),
            sum(follower == account_id for follower, _ in active),
            posts.statuses,
            posts.last_status_at,
        )


class FakeTransaction:
    """Both transactions in memory."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    async def put_reservation(self, wanted: Reservation) -> Reservation:
        known = self.state.reservations.get(wanted.request_id, wanted)
        kept = replace(known, expires_at=max(known.expires_at, wanted.expires_at))
        self.state.reservations[wanted.request_id] = kept
        return kept

    async def hold_username(self, reservation: Reservation, now: datetime) -> bool:
        owner, expires_at = self.state.usernames.get(reservation.username_key, (reservation.account_id, now))
        if expires_at is None or (owner != reservation.account_id and expires_at > now):
            return False
        self.state.usernames[reservation.username_key] = (reservation.account_id, reservation.expires_at)
        return True

    async def confirm_reservation(self, request_id: str, account_id: int, now: datetime) -> Reservation | None:
        known = self.state.reservations.get(request_id)
        if known is None or known.account_id != account_id:
            return None
        self.state.reservations[request_id] = replace(known, confirmed=True)
        return self.state.reservations[request_id]

    async def keep_username(self, reservation: Reservation) -> bool:
        owner, _ = self.state.usernames.get(reservation.username_key, (reservation.account_id, None))
        if owner != reservation.account_id:
            return False
        self.state.usernames[reservation.username_key] = (owner, None)
        return True

    async def insert_account(self, account: Account) -> bool:
        if account.account_id in self.state.accounts:
            return False
        self.state.accounts[account.account_id] = account
        return True

    async def is_deleted(self, account_id: int) -> bool:
        return account_id in self.state.deleted

    async def account(self, account_id: int) -> Account | None:
        return self.state.accounts.get(account_id)

    async def ties(self, pairs: Sequence[Pair], now: datetime) -> dict[Pair, Ties]:
        return {pair: self.state.ties(*pair, now) for pair in pairs if set(pair) <= self.state.accounts.keys()}

    async def save(self, changes: Sequence[tuple[Ties, Ties]]) -> None:
        for change in changes:
            self._save(*change)

    def _save(self, before: Ties, after: Ties) -> None:
        here = after.follow.follower_id, after.follow.followee_id
        there = here[::-1]
        for kept, key, was, is_now in (
            (self.state.follows, here, before.follow, after.follow),
            (self.state.follows, there, before.back, after.back),
            (self.state.blocks, here, before.block, after.block),
            (self.state.mutes, here, before.mute, after.mute),
            (self.state.remarks, here, before.remark, after.remark),
        ):
            if was != is_now:
                cast(dict[Pair, object], kept)[key] = is_now
        for was, follow in ((before.follow, after.follow), (before.back, after.back)):
            ends = follow.follower_id, follow.followee_id
            if was.active and not follow.active and ends in self.state.remarks:
                self.state.remarks[ends] = replace(self.state.remarks[ends], endorsement_id=0)

    async def lock_posts(self, keys: Iterable[Pair]) -> dict[Pair, PostFact]:
        return {key: self.state.posts.get(key, PostFact(*key)) for key in keys}

    async def save_posts(self, facts: Sequence[PostFact]) -> None:
        self.state.posts |= {fact.key: fact for fact in facts}

    async def count_posts(self, deltas: Mapping[int, PostDelta]) -> None:
        for author, delta in deltas.items():
            known = self.state.statuses.setdefault(author, PostDelta())
            known.statuses += delta.statuses
            times = [t for t in (known.last_status_at, delta.last_status_at) if t is not None]
            known.last_status_at = max(times, default=None)


class FakeRepository:
    """Both repositories in memory: transactions one after another, undone if they fail; reads raise `failure`."""

    def __init__(self) -> None:
        self.state = State()
        self.events: list[Event] = []
        self.reads = 0
        self.failure: Exception | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, _pairs: Sequence[Pair] = ()) -> AsyncIterator[FakeTransaction]:
        async with self._lock:
            tx = FakeTransaction(copy.deepcopy(self.state))
            yield tx
            self.state = tx.state
            self.events += tx.events

    async def accounts(self, ids: Sequence[int], *, primary: bool) -> dict[int, tuple[Account, Counts]]:
        self._read()
        accounts = self.state.accounts
        return {id_: (accounts[id_], self.state.counts(id_)) for id_ in ids if id_ in accounts}

    async def accounts_by_username(self, keys: Sequence[str], *, primary: bool) -> list[Account]:
        self._read()
        return [account for account in self.state.accounts.values() if account.username.lower() in keys]

    async def list_accounts(self, above: int, limit: int) -> list[Account]:
        self._read()
        return [account for id_, account in sorted(self.state.accounts.items()) if id_ > above][:limit]

    async def relationships(self, pairs: Sequence[Pair]) -> dict[Pair, Relationship]:
        self._read()
        return self.state.relationships(pairs)

    async def account_exists(self, account_id: int, *, primary: bool) -> bool:
        self._read()
        return account_id in self.state.accounts

    async def followers(self, account_id: int, before: int, limit: int, *, primary: bool) -> Listed[int]:
        active = [follow for follow in self.state.follows.values() if follow.active]
        return _page([(f.follow_id, f.follower_id) for f in active if f.followee_id == account_id], before, limit)

    async def following(self, account_id: int, before: int, limit: int, *, primary: bool) -> Listed[int]:
        active = [follow for follow in self.state.follows.values() if follow.active]
        return _page([(f.follow_id, f.followee_id) for f in active if f.follower_id == account_id], before, limit)

    async def requests(self, account_id: int, before: int, limit: int) -> Listed[int]:
        waiting = [follow for follow in self.state.follows.values() if follow.requested]
        return _page([(f.follow_id, f.follower_id) for f in waiting if f.followee_id == account_id], before, limit)

    async def blocks(self, account_id: int, before: int, limit: int) -> Listed[int]:
        active = [block for block in self.state.blocks.values() if block.active]
        return _page([(b.block_id, b.blocked_id) for b in active if b.blocker_id == account_id], before, limit)

    async def mutes(self, account_id: int, before: int, limit: int, now: datetime) -> Listed[MutedAccount]:
        held = [mute for mute in self.state.mutes.values() if mute.holds(now) and mute.muter_id == account_id]
        return _page([(m.mute_id, MutedAccount(m.muted_id, m.expires_at)) for m in held], before, limit)

    async def endorsements(self, account_id: int, before: int, limit: int) -> Listed[int]:
        held = [each for each in self.state.remarks.values() if each.account_id == account_id and each.endorsement_id]
        return _page([(each.endorsement_id, each.target_id) for each in held], before, limit)

    async def expired_mutes(self, now: datetime, limit: int) -> list[Pair]:
        over = [mute for mute in self.state.mutes.values() if mute.active and not mute.holds(now)]
        return [(mute.muter_id, mute.muted_id) for mute in over][:limit]

    async def is_locked(self, account_id: int) -> bool:
        return self.state.accounts[account_id].locked

    async def is_blocked(self, account_id: int, by: int) -> bool:
        block = self.state.blocks.get((by, account_id))
        return block is not None and block.active

    async def hides_collections(self, account_id: int) -> bool:
        return self.state.accounts[account_id].hide_collections

    async def purge_usernames(self, before: datetime, limit: int) -> int:
        old = [key for key, (_, expires) in self.state.usernames.items() if expires is not None and expires < before]
        for key in old[:limit]:
            del self.state.usernames[key]
        return len(old[:limit])

    def _read(self) -> None:
        self.reads += 1
        if self.failure is not None:
            raise self.failure


def _page(rows: list[tuple[int, T]], before: int, limit: int) -> Listed[T]:
    page = sorted((row for row in rows if row[0] < before), key=lambda row: -row[0])[: limit + 1]
    return Listed([item for _, item in page[:limit]], page[limit - 1][0] if len(page) > limit else None)


@dataclass
class World:
    """A user service, and what it rests on."""

    service: UserService
    relationships: Relationships
    lists: RelationshipLists
    caches: Caches
    repository: UserRepository
    ties: RelationshipRepository
    redis: RedisClient
    clock: FakeClock

    async def sign_up(self, username: str) -> int:
        """A confirmed account's id."""
        reservation = await self.service.reserve_account(f"request-{username}", username)
        await self.service.confirm_account(reservation.account_id, f"request-{username}")
        return reservation.account_id

    async def counts(self, account_id: int) -> Counts:
        return (await self.service.account_views([account_id]))[account_id].counts


def build_world(
    repository: UserRepository,
    ties: RelationshipRepository,
    redis: RedisClient,
    clock: FakeClock,
    ids: IdSource,
    prefix: str = "user:",
) -> World:
    caches = Caches(
        EpochCache(redis, encodings.VIEWS, clock, prefix), EpochCache(redis, encodings.RELATIONSHIPS, clock, prefix)
    )
    cursors = CursorCodec(bytes(32))
    service = UserService(
        repository,
        caches,
        Events(clock),
        ids,
        clock,
        cursors,
        encode=encode_account,
        reserved=frozenset({"mayor"}),
    )
    relationships = Relationships(ties, caches, RelationshipEvents(clock), ids, clock)
    lists = RelationshipLists(ties, caches, cursors, clock)
    return World(service, relationships, lists, caches, repository, ties, redis, clock)


class FakeRedis:
    """What the cache keeps. Nothing expires."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.away = False


class FakeRedisClient(RedisClient):
    """A RedisClient whose server is in memory, and knows the two things that the cache asks of it: SET and MGET."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0", "test")
        self.raw = self.server = FakeRedis()

    async def mget(self, name: str, keys: Sequence[str | bytes], *, timeout: float = 1.0) -> list[bytes | None]:
        if self.server.away:
            raise RedisUnavailable("Redis is away")
        return [self.server.values.get(key) for key in keys if isinstance(key, str)]

    async def send(self, name: str, commands: Sequence[Sequence[Any]], *, timeout: float = 1.0) -> list[Any]:
        if self.server.away:
            raise RedisUnavailable("Redis is away")
        for word, key, value, *options in commands:
            assert (word, options[0]) == ("SET", "EX")
            assert options[1] > 0
            if not ("NX" in options and key in self.server.values):
                self.server.values[key] = value
        return [None] * len(commands)


@pytest.fixture
def redis() -> FakeRedisClient:
    return FakeRedisClient()


@pytest.fixture
def fake_repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def world(fake_repository: FakeRepository, redis: FakeRedisClient, clock: FakeClock, ids: FakeIds) -> World:
    """A service with nothing real under it."""
    ties = cast(RelationshipRepository, fake_repository)
    return build_world(cast(UserRepository, fake_repository), ties, redis, clock, ids)


@pytest.fixture
def make_world() -> Callable[..., World]:
    """For tests that bring their own repository and Redis."""
    return build_world
