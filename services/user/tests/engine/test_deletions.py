"""Accounts that are deleted, over Postgres and Redis: at once for everybody, and row by row for good."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import deletion_service_pb2 as pb
from rookery.user.v1.deletion_service_pb2_grpc import DeletionServiceStub, add_DeletionServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.erasure import Erased, StepwiseEraser
from rookery_common.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated, Unavailable
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.crash import crash_after
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.deletion_servicer import ALLOWED_CALLERS, SERVICE_NAME, DeletionServicer
from user_service.deletions import own, repository, service, work
from user_service.deletions.models import OWN, SETTLES_AFTER
from user_service.deletions.own import OwnRows
from user_service.deletions.repository import DeletionRepository, ErasureRepository
from user_service.deletions.service import Deletions
from user_service.deletions.work import LEASE, ErasureWork
from user_service.errors import AccountDeleted, AccountNotFound, UsernameTaken
from user_service.events import Events
from user_service.featured_tags.repository import FeaturedTagRepository
from user_service.featured_tags.service import FeaturedTags
from user_service.lists.models import ListChange
from user_service.lists.repository import ListRepository
from user_service.lists.service import Lists
from user_service.models import PostFact
from user_service.relationship_events import RelationshipEvents
from user_service.relationships.models import FollowSettings
from user_service.relationships.repository import RelationshipRepository
from user_service.tags.repository import TagRepository
from user_service.tags.service import FollowedTags

if TYPE_CHECKING:
    from tests.conftest import World

OTHERS = ("auth", "post")
# Every table that knows accounts, and the columns that name them; what stays of a deleted one is not among them.
NAMED = {
    "accounts": ("account_id",),
    "account_settings": ("account_id",),
    "account_counts": ("account_id",),
    "follows_by_follower": ("follower_id", "followee_id"),
    "follows_by_followee": ("follower_id", "followee_id"),
    "follow_requests": ("follower_id", "followee_id"),
    "blocks_by_blocker": ("blocker_id", "blocked_id"),
    "blocks_by_blocked": ("blocker_id", "blocked_id"),
    "mutes": ("muter_id", "muted_id"),
    "remarks": ("account_id", "target_id"),
    "dismissed_suggestions": ("account_id", "dismissed_id"),
    "filters": ("account_id",),
    "lists": ("account_id",),
    "list_members": ("account_id", "member_id"),
    "followed_tags": ("account_id",),
    "featured_tags": ("account_id",),
    "tag_counts": ("author_id",),
    "home_preferences": ("account_id",),
    "imports": ("account_id",),
    "import_rows": ("account_id",),
    "post_facts": ("author_id",),
}


@dataclass
class OtherService:
    """Answers what it is told to; done, once it has nothing more to say."""

    answers: list[Erased | Exception] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def erase(self, account_id: int) -> Erased:
        self.asked.append(account_id)
        answer = self.answers.pop(0) if self.answers else Erased(done=True, amount=0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Desk:
    """The rules, the worker, and those whom it asks."""

    world: World
    pg: Postgres
    deletions: Deletions
    erasures: ErasureRepository
    others: dict[str, OtherService]
    work: ErasureWork
    lists: Lists
    tags: FollowedTags
    featured: FeaturedTags

    async def rows(self, sql: str, *args: object) -> Sequence[Any]:
        async with self.pg.read(primary=True) as connection:
            return await connection.fetch("test", sql, *args)

    async def left(self, account_id: int) -> dict[str, int]:
        """How many rows name the account, by table; without those that none does in."""
        found = {}
        for table, columns in NAMED.items():
            where = " OR ".join(f"{column} = $1" for column in columns)
            [row] = await self.rows(f"SELECT count(*) AS count FROM {table} WHERE {where}", account_id)  # noqa: S608
            if row["count"]:
                found[table] = row["count"]
        return found

    async def finish(self) -> None:
        """Until nothing is due, now and after all has settled."""
        for wait in (timedelta(), SETTLES_AFTER, LEASE):
            self.world.clock.advance(wait.total_seconds())
            while await self.work.turn():
                pass


@pytest_asyncio.fixture
async def desk(real_world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds) -> Desk:
    return desk_of(real_world, pg, outbox, clock, ids)


def desk_of(world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds) -> Desk:
    cursors, events = CursorCodec(bytes(32)), Events(clock)
    others = {name: OtherService() for name in OTHERS}
    deletions = Deletions(DeletionRepository(outbox), world.caches, events, others["auth"], [OWN, *OTHERS], clock)
    rows = StepwiseEraser(OwnRows(pg, outbox, world.caches, RelationshipEvents(clock)).steps(), clock)
    erasures = ErasureRepository(pg)
    return Desk(
        world,
        pg,
        deletions,
        erasures,
        others,
        ErasureWork(erasures, {OWN: rows, **others}, clock),
        Lists(ListRepository(pg, outbox), world.caches, events, ids, cursors),
        FollowedTags(TagRepository(pg, outbox), events, ids, cursors),
        FeaturedTags(FeaturedTagRepository(pg), RelationshipRepository(pg, outbox), ids),
    )


@pytest_asyncio.fixture
async def people(real_world: World) -> dict[str, int]:
    return {name: await real_world.sign_up(name) for name in ("alice", "bob", "carol", "dan")}


@pytest_asyncio.fixture
async def busy(desk: Desk, people: dict[str, int]) -> dict[str, int]:
    """Alice has, and is in, everything that there is."""
    alice, bob, carol, dan = people.values()
    acts, every = desk.world.relationships, FollowSettings()
    await acts.follow(alice, bob, every)
    await acts.follow(bob, alice, every)
    await acts.follow(carol, alice, every)
    await acts.follow(carol, bob, every)
    await acts.endorse(alice, bob)
    await acts.endorse(bob, alice)
    await acts.note(carol, alice, "Met in the woods")
    await acts.note(alice, carol, "Owes me a book")
    await acts.block(alice, dan)
    await acts.mute(alice, carol)
    await acts.mute(dan, alice)
    for owner, member in ((alice, bob), (bob, alice)):
        birds = (await desk.lists.create(owner, ListChange("Birds"))).list_id
        await desk.lists.add(owner, birds, [member])
    await desk.tags.follow(alice, "birds")
    await desk.featured.feature(alice, "birds")
    posts = [PostFact(alice, 100 + n, 1, True, False, desk.world.clock.now(), ("birds",)) for n in range(3)]
    await desk.world.service.count_posts([*posts, PostFact(bob, 200, 1, True, False, desk.world.clock.now())])
    return people


async def _community(desk: Desk) -> tuple[int, int]:
    [row] = await desk.rows("SELECT sum(accounts)::int AS a, sum(statuses)::int AS s FROM community_counts")
    return row["a"], row["s"]


async def test_a_deleted_account_is_nowhere_with_the_next_read(desk: Desk, busy: dict[str, int]) -> None:
    alice, bob, world = busy["alice"], busy["bob"], desk.world
    assert alice in await world.service.account_views([alice, bob])  # and is cached now
    assert (bob, alice) in await world.relationships.between([(bob, alice)])
    for _ in range(2):  # the second time from what the process holds
        assert alice in (await world.relationships.flags({bob: [alice]}))[bob].flags
    await desk.deletions.delete(alice, " @ALICE ")
    assert list(await world.service.account_views([alice, bob])) == [bob]
    assert await world.service.lookup_accounts(["alice"]) == []
    assert await world.relationships.between([(bob, alice)]) == {}
    assert (await world.relationships.flags({bob: [alice]}))[bob].flags == {}
    with pytest.raises(AccountNotFound):
        await world.relationships.follow(bob, alice, FollowSettings())
    with pytest.raises(AccountNotFound):
        await world.relationships.follow(alice, bob, FollowSettings())
    with pytest.raises(AccountNotFound):
        await desk.tags.follow(alice, "more")
    assert desk.others["auth"].asked == [alice]
    assert (await _community(desk))[0] == 3


async def test_nothing_of_it_is_left_but_its_id_and_its_name(
    desk: Desk, busy: dict[str, int], outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice, bob, carol = (busy[name] for name in ("alice", "bob", "carol"))
    await outbox.drain()
    producer.sent.clear()
    await desk.deletions.delete(alice, "alice")
    await desk.finish()
    assert await desk.left(alice) == {}
    assert (await desk.world.counts(bob)).followers == 1
    assert (await desk.world.counts(bob)).following == 0
    assert (await desk.world.counts(carol)).following == 1
    assert await _community(desk) == (3, 1)
    await outbox.drain()
    told = [(event.type.rpartition(".")[2], event.key) for event in producer.sent]
    assert told[0] == ("AccountDeleted", str(alice))
    ended = {f"{alice}:{bob}", f"{bob}:{alice}", f"{carol}:{alice}"}
    assert sorted(told[1:]) == [("FollowEnded", key) for key in sorted(ended)]
    [done] = await desk.rows("SELECT finished_at FROM account_deletions WHERE account_id = $1", alice)
    assert done["finished_at"] is not None
    assert await desk.erasures.open(10) == []


async def test_its_name_is_nobodys_any_more_and_its_sign_up_can_not_be_repeated(
    desk: Desk, people: dict[str, int]
) -> None:
    service = desk.world.service
    await desk.deletions.delete(people["alice"], "alice")
    for request in ("request-alice", "another-request"):
        with pytest.raises(UsernameTaken):
            await service.reserve_account(request, "Alice")
    with pytest.raises(AccountDeleted):
        await service.confirm_account(people["alice"], "request-alice")
    await desk.finish()
    with pytest.raises(UsernameTaken):
        await service.reserve_account("request-alice", "alice")
    assert await desk.left(people["alice"]) == {}


async def test_posts_that_are_told_of_late_leave_nothing(desk: Desk, busy: dict[str, int]) -> None:
    alice, now = busy["alice"], desk.world.clock.now()
    await desk.deletions.delete(alice, "alice")
    await desk.world.service.count_posts([PostFact(alice, 100, 2, False, True, now)])  # before its rows are gone
    await desk.finish()
    await desk.world.service.count_posts([PostFact(alice, 101, 2, False, True, now), PostFact(alice, 999, 1, True)])
    assert await desk.left(alice) == {}
    assert await _community(desk) == (3, 1)


async def test_what_others_had_with_it_stops_nobody(desk: Desk, people: dict[str, int]) -> None:
    alice, bob, carol = (people[name] for name in ("alice", "bob", "carol"))
    acts = desk.world.relationships
    for other in (alice, carol):
        await acts.mute(bob, other, duration=timedelta(seconds=5))
    await desk.deletions.delete(alice, "alice")
    desk.world.clock.advance(6)
    assert await acts.end_expired_mutes(10) == 1
    assert await acts.grant_waiting(alice) == 0
    assert not (await acts.between([(bob, carol)]))[bob, carol].muting


async def test_a_service_is_asked_until_it_is_done_after_all_has_settled(desk: Desk, people: dict[str, int]) -> None:
    alice, post = people["alice"], desk.others["post"]
    post.answers = [Erased(done=False, amount=70), Unavailable("away"), Erased(done=True, amount=5)]
    await desk.deletions.delete(alice, "alice")
    while await desk.work.turn():
        pass
    [left] = [each for each in await desk.erasures.open(10) if each.service == "post"]
    assert (left.erased, left.failures, left.reason, left.done) == (70, 1, "UNAVAILABLE", False)
    desk.world.clock.advance(1)
    while await desk.work.turn():
        pass
    [left] = [each for each in await desk.erasures.open(10) if each.service == "post"]
    assert (left.erased, left.failures, left.done) == (75, 0, False)
    assert len(post.asked) == 3
    await desk.finish()
    assert len(post.asked) == 4
    assert await desk.erasures.open(10) == []


async def test_a_turn_is_one_services_however_it_is_planned(desk: Desk, people: dict[str, int]) -> None:
    await desk.deletions.delete(people["alice"], "alice")
    due = desk.world.clock.now()
    async with desk.pg.transaction() as tx:
        for plan in ("hashjoin", "hashagg", "mergejoin", "sort", "material"):
            await tx.execute("test", f"SET LOCAL enable_{plan} = off")
        for left in (2, 1, 0):
            await tx.fetchrow("test", repository.CLAIM, due, due + LEASE, [OWN, *OTHERS])
            assert await tx.fetchval("test", "SELECT count(*) FROM erasures WHERE due_at <= $1", due) == left


async def test_a_wrong_name_deletes_nothing(desk: Desk, busy: dict[str, int]) -> None:
    before = await desk.left(busy["alice"])
    for name in ("", "bob", "alice1", "@"):
        with pytest.raises(InvalidArgument) as refused:
            await desk.deletions.delete(busy["alice"], name)
        assert [(each.field, each.code) for each in refused.value.fields] == [("username", "ERR_CONFIRMATION")]
    assert await desk.left(busy["alice"]) == before
    assert await desk.rows("SELECT account_id FROM account_deletions LIMIT 1") == []
    assert not await desk.work.turn()


async def test_whoever_can_not_be_told_at_once_is_asked_by_the_worker(desk: Desk, people: dict[str, int]) -> None:
    desk.others["auth"].answers = [Unavailable("away")]
    await desk.deletions.delete(people["alice"], "alice")
    await desk.deletions.delete(people["alice"], "alice")  # as its owner does whose answer was lost
    await desk.finish()
    assert len(desk.others["auth"].asked) == 4
    with pytest.raises(AccountNotFound):
        await desk.deletions.delete(12345, "alice")


@pytest.mark.parametrize("answer", [3, 8])
async def test_a_crash_while_it_is_deleted_leaves_it_or_deletes_it(
    desk: Desk, busy: dict[str, int], answer: int
) -> None:
    alice = busy["alice"]
    async with crash_after(answer, service, repository) as point:
        await desk.deletions.delete(alice, "alice")
    assert point.happened
    gone = await desk.rows("SELECT account_id FROM account_deletions LIMIT 1") != []
    [row] = await desk.rows("SELECT count(*) AS count FROM erasures")
    assert row["count"] == (3 if gone else 0)
    assert ("accounts" in await desk.left(alice)) == (not gone)
    await desk.deletions.delete(alice, "alice")
    await desk.finish()
    assert await desk.left(alice) == {}


@pytest.mark.parametrize("answer", [4, 14, 30])
async def test_a_crash_of_the_worker_leaves_its_turn_to_another(
    desk: Desk, busy: dict[str, int], answer: int, clock: FakeClock
) -> None:
    alice, bob = busy["alice"], busy["bob"]
    await desk.deletions.delete(alice, "alice")
    async with crash_after(answer, work, own) as point:
        while await desk.work.turn():
            pass
    assert point.happened
    await desk.finish()
    assert await desk.left(alice) == {}
    assert await desk.erasures.open(10) == []
    views = await desk.world.repository.accounts([bob], primary=True)
    assert (views[bob][1].followers, views[bob][1].following) == (1, 0)
    assert await _community(desk) == (3, 1)


async def test_two_who_follow_each_other_and_are_deleted_at_once_leave_nothing(
    desk: Desk, busy: dict[str, int]
) -> None:
    for name in ("alice", "bob"):
        await desk.deletions.delete(busy[name], name)
    await desk.finish()
    assert [await desk.left(busy[name]) for name in ("alice", "bob")] == [{}, {}]
    assert (await desk.world.counts(busy["carol"])).following == 0
    assert await _community(desk) == (2, 0)


@pytest_asyncio.fixture
async def call(desk: Desk) -> AsyncIterator[tuple[RpcClient, Tokens]]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_DeletionServiceServicer_to_server, DeletionServicer(desk.deletions), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, DeletionServiceStub, service="user", settings=settings_of("gateway"))
        yield client, tokens


async def test_the_one_who_is_signed_in_with_a_browser_deletes_their_own(
    call: tuple[RpcClient, Tokens], desk: Desk, people: dict[str, int]
) -> None:
    client, tokens = call
    request, alice = pb.DeleteAccountRequest(username="alice"), people["alice"]
    refusals = (
        (tokens.identity(alice), PermissionDenied),
        (tokens.identity(people["bob"], scopes=("security",)), InvalidArgument),
        (tokens.identity(0, scopes=("security",)), Unauthenticated),
        (tokens.identity(999, scopes=("security",)), NotFound),
    )
    for identity, refusal in refusals:
        with pytest.raises(refusal):
            await client.call("DeleteAccount", request, timeout=10, identity=identity)
    assert len(await desk.world.service.account_views(people.values())) == 4
    owner = tokens.identity(alice, scopes=("security",))
    await client.call("DeleteAccount", request, timeout=10, identity=owner)
    assert alice not in await desk.world.service.account_views(people.values())
