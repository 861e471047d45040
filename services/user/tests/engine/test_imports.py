"""What accounts bring along, over Postgres: taken in through a real stub, done by the worker's own turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import transfer_service_pb2 as pb
from rookery.user.v1.transfer_service_pb2_grpc import TransferServiceStub, add_TransferServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unavailable
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.lists.models import ListChange
from user_service.lists.repository import ListRepository
from user_service.lists.service import Lists
from user_service.relationships.models import FollowSettings, Relationship
from user_service.transfer_servicer import ALLOWED_CALLERS, SERVICE_NAME, TransferServicer
from user_service.transfers.exports import ExportRepository
from user_service.transfers.importing import Imports
from user_service.transfers.imports import ImportRepository
from user_service.transfers.models import KEPT, MAX_UNFINISHED
from user_service.transfers.service import Exports
from user_service.transfers.work import LEASE, ROWS, ImportWork

if TYPE_CHECKING:
    from tests.conftest import World

FOLLOWS, BLOCKS, MUTES, LISTS, BOOKMARKS = pb.TransferKind.values()[1:]
MERGE, OVERWRITE = pb.IMPORT_MODE_MERGE, pb.IMPORT_MODE_OVERWRITE
READ: dict[int, str] = {
    FOLLOWS: "read:follows", BLOCKS: "read:blocks", MUTES: "read:mutes", LISTS: "read:lists",
    BOOKMARKS: "read:bookmarks",
}  # fmt: skip


@dataclass
class Posts:
    """Post: these there are; it may be away. Notes what it is asked for."""

    known: set[int] = field(default_factory=set)
    asked: list[tuple[int, list[int]]] = field(default_factory=list)
    failure: Unavailable | None = None

    async def bookmark(self, account_id: int, post_ids: Sequence[int]) -> frozenset[int]:
        self.asked.append((account_id, list(post_ids)))
        if self.failure is not None:
            raise self.failure
        return frozenset(self.known.intersection(post_ids))


@dataclass
class Caller:
    """The gateway, tokens of whom it calls for, and the worker."""

    client: RpcClient
    tokens: Tokens
    work: ImportWork
    lists: Lists
    posts: Posts

    async def __call__(self, method: str, who: int, *scopes: str, **fields: Any) -> Any:
        identity = self.tokens.identity(who, scopes=scopes or ("security",))
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, timeout=10, identity=identity)

    async def bring(self, who: int, kind: int, *rows: pb.TransferRow, mode: int = MERGE, **fields: Any) -> int:
        """The import's id."""
        lines = [pb.ImportRow(line=number, row=row) for number, row in enumerate(rows, 1)]
        made = await self("CreateImport", who, kind=kind, mode=mode, rows=lines, **fields)
        assert (made.progress.total, made.progress.done) == (len(rows), 0)
        return int(made.progress.import_id)

    async def progress(self, who: int, import_id: int) -> pb.Import:
        found: pb.Import = (await self("GetImport", who, import_id=import_id)).progress
        return found

    async def failed(self, who: int, import_id: int) -> list[tuple[int, str]]:
        found = await self("ListFailedRows", who, import_id=import_id)
        return [(each.row.line, each.reason) for each in found.rows]

    async def finish(self) -> None:
        """Until nothing is due."""
        while await self.work.turn():
            pass


@pytest_asyncio.fixture
async def call(
    real_world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds
) -> AsyncIterator[Caller]:
    tokens, repository, cursors = Tokens(), ImportRepository(pg), CursorCodec(bytes(32))
    lists = Lists(ListRepository(pg, outbox), real_world.caches, Events(clock), ids, cursors)
    posts = Posts()
    work = ImportWork(repository, real_world.service, real_world.relationships, lists, posts, clock)
    servicer = TransferServicer(Exports(ExportRepository(pg), cursors, clock), Imports(repository, ids, clock))
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_TransferServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        client = await network.client(server.port, TransferServiceStub, service="user", settings=settings_of("gateway"))
        yield Caller(client, tokens, work, lists, posts)


@pytest_asyncio.fixture
async def people(real_world: World) -> dict[str, int]:
    return {name: await real_world.sign_up(name) for name in ("alice", "bob", "carol", "dan")}


def kept(*post_ids: int) -> list[pb.TransferRow]:
    addresses = (f"https://rookery.test/users/bob/statuses/{post_id}" for post_id in post_ids)
    return [pb.TransferRow(post_address=each, post_id=number) for each, number in zip(addresses, post_ids, strict=True)]


def named(*names: str) -> list[pb.TransferRow]:
    return [pb.TransferRow(username=name) for name in names]


async def followed(world: World, account_id: int) -> list[int]:
    return (await world.lists.following(account_id, account_id, 80, ""))[0]


async def test_follows_are_done_and_what_can_not_be_is_told_with_its_line(
    call: Caller, real_world: World, people: dict[str, int]
) -> None:
    alice, bob, carol = (people[name] for name in ("alice", "bob", "carol"))
    await real_world.relationships.block(people["dan"], alice)
    settings = pb.FollowPreferences(reblogs=False, notify=True, languages=["de"])
    rows = [pb.TransferRow(username="Bob", follow=settings), *named("carol", "nobody", "alice", "dan", "a@b.example")]
    odd = pb.TransferRow(username="carol", follow=pb.FollowPreferences(languages=["not a language"]))
    import_id = await call.bring(alice, FOLLOWS, *rows, odd)
    assert not (await call.progress(alice, import_id)).HasField("finish_time")
    await call.finish()
    found = await call.progress(alice, import_id)
    assert (found.total, found.done, found.failed, found.HasField("finish_time")) == (7, 2, 5, True)
    assert await call.failed(alice, import_id) == [
        (3, "ACCOUNT_NOT_FOUND"),
        (4, "CANNOT_RELATE_TO_ONESELF"),
        (5, "FOLLOW_NOT_ALLOWED"),
        (6, "ACCOUNT_NOT_FOUND"),
        (7, "FIELD_INVALID"),
    ]
    assert sorted(await followed(real_world, alice)) == sorted([bob, carol])
    relation = (await real_world.relationships.between([(alice, bob)]))[alice, bob]
    assert (relation.showing_reblogs, relation.notifying, relation.languages) == (False, True, ("de",))


async def test_bookmarks_are_made_by_post_and_those_it_does_not_know_are_told(
    call: Caller, people: dict[str, int], clock: FakeClock
) -> None:
    alice, elsewhere = people["alice"], pb.TransferRow(post_address="https://b.example/1")
    call.posts.known = set(range(1, 40)) - {7}
    call.posts.failure = Unavailable("away")
    import_id = await call.bring(alice, BOOKMARKS, *kept(7, *range(1, 31)), elsewhere)
    with pytest.raises(Unavailable):
        await call.work.turn()
    assert (await call.progress(alice, import_id)).done == 0
    call.posts.failure = None
    clock.advance(LEASE.total_seconds())
    await call.finish()
    found = await call.progress(alice, import_id)
    assert (found.total, found.done, found.failed, found.HasField("finish_time")) == (32, 29, 3, True)
    assert await call.failed(alice, import_id) == [(1, "POST_NOT_FOUND"), (8, "POST_NOT_FOUND"), (32, "POST_NOT_FOUND")]
    assert {account_id for account_id, _ in call.posts.asked} == {alice}
    assert max(len(post_ids) for _, post_ids in call.posts.asked) <= ROWS
    [first, *_] = (await call("ListFailedRows", alice, import_id=import_id)).rows
    assert (first.row.row.post_address, first.row.row.post_id) == (kept(7)[0].post_address, 7)


async def test_bookmarks_are_merged_and_brought_alone(call: Caller, people: dict[str, int]) -> None:
    alice = people["alice"]
    for kind, mode, row, wrong in (
        (BOOKMARKS, OVERWRITE, kept(1)[0], "mode"),
        (BOOKMARKS, MERGE, named("bob")[0], "rows"),
        (FOLLOWS, MERGE, kept(1)[0], "rows"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await call.bring(alice, kind, row, mode=mode)
        assert refused.value.fields[0].field == wrong
    with pytest.raises(InvalidArgument):
        await call("ExportRows", alice, kind=BOOKMARKS)


async def test_a_follow_that_is_brought_without_settings_keeps_its_own(
    call: Caller, real_world: World, people: dict[str, int]
) -> None:
    alice, bob = people["alice"], people["bob"]
    await real_world.relationships.follow(alice, bob, FollowSettings(reblogs=False, notify=True, languages=("de",)))
    await call.bring(alice, FOLLOWS, *named("bob"))
    await call.finish()
    relation = (await real_world.relationships.between([(alice, bob)]))[alice, bob]
    assert (relation.showing_reblogs, relation.notifying, relation.languages) == (False, True, ("de",))


@pytest.mark.parametrize("kind", [FOLLOWS, BLOCKS, MUTES])
async def test_overwriting_ends_what_was_there_before_and_is_not_named(
    call: Caller, real_world: World, people: dict[str, int], kind: int
) -> None:
    alice, acts = people["alice"], real_world.relationships
    begins: dict[int, Callable[[int], Awaitable[Relationship]]] = {
        FOLLOWS: lambda other: acts.follow(alice, other, FollowSettings()),
        BLOCKS: lambda other: acts.block(alice, other),
        MUTES: lambda other: acts.mute(alice, other),
    }
    begin = begins[kind]
    await begin(people["bob"])
    await begin(people["carol"])
    await call.bring(alice, kind, *named("carol", "nobody"), mode=OVERWRITE)
    await begin(people["dan"])  # Wanted since: it stays.
    await call.finish()
    names = [row.username for row in (await call("ExportRows", alice, kind=kind)).rows]
    assert sorted(names) == ["carol", "dan"]


async def test_mutes_have_their_setting(call: Caller, people: dict[str, int]) -> None:
    rows = [pb.TransferRow(username="bob", notifications=True), pb.TransferRow(username="carol")]
    await call.bring(people["alice"], MUTES, *rows)
    await call.finish()
    muted = (await call("ExportRows", people["alice"], kind=MUTES)).rows
    assert {row.username: row.notifications for row in muted} == {"bob": True, "carol": False}


async def test_lists_are_made_and_filled_with_whom_one_follows_then(
    call: Caller, real_world: World, people: dict[str, int]
) -> None:
    alice = people["alice"]
    for other in ("bob", "dan"):
        await real_world.relationships.follow(alice, people[other], FollowSettings())
    birds = (await call.lists.create(alice, ListChange("Birds"))).list_id
    await call.lists.add(alice, birds, [people["dan"]])
    await call.lists.create(alice, ListChange("Old"))
    pairs = [("Birds", "bob"), ("Birds", "carol"), ("New", "carol"), ("\u202e", "bob")]
    rows = [pb.TransferRow(list_title=title, username=name) for title, name in pairs]
    import_id = await call.bring(alice, LISTS, *rows)
    await call.finish()
    assert await call.failed(alice, import_id) == [(4, "FIELD_INVALID")]
    exported = (await call("ExportRows", alice, kind=LISTS)).rows
    assert [(row.list_title, row.username) for row in exported] == [
        ("Birds", "bob"),
        ("Birds", "carol"),
        ("Birds", "dan"),
        ("New", "carol"),
    ]
    await call.bring(alice, LISTS, *rows[1:2], mode=OVERWRITE)
    await call.finish()
    assert [each.title for each in await call.lists.all(alice)] == ["Birds"]
    exported = (await call("ExportRows", alice, kind=LISTS)).rows
    assert [(row.list_title, row.username) for row in exported] == [("Birds", "carol")]


async def test_a_worker_that_dies_leaves_the_rest_to_another_and_nothing_counts_twice(
    call: Caller, real_world: World, people: dict[str, int], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, block, tries = people["alice"], real_world.relationships.block, []

    async def fragile(account_id: int, other_id: int) -> Any:
        tries.append(other_id)
        if len(tries) == 2:
            raise Unavailable("the database is away")
        return await block(account_id, other_id)

    monkeypatch.setattr(real_world.relationships, "block", fragile)
    import_id = await call.bring(alice, BLOCKS, *named("bob", "carol", "dan"))
    with pytest.raises(Unavailable):
        await call.work.turn()
    assert not await call.work.turn(), "it is another's until its lease ends"
    clock.advance(LEASE.total_seconds() + 1)
    await call.finish()
    found = await call.progress(alice, import_id)
    assert (found.done, found.failed, found.HasField("finish_time")) == (3, 0, True)
    assert tries == [people[name] for name in ("bob", "carol", "bob", "carol", "dan")]


async def test_a_long_import_lets_others_go_on(call: Caller, people: dict[str, int], clock: FakeClock) -> None:
    long = await call.bring(people["alice"], BLOCKS, *named(*(f"x{n}" for n in range(ROWS + 1))))
    clock.advance(1)
    short = await call.bring(people["bob"], BLOCKS, *named("carol"))
    for _ in range(3):
        assert await call.work.turn()
        clock.advance(1)
    assert (await call.progress(people["bob"], short)).done == 1
    assert (await call.progress(people["alice"], long)).failed == ROWS + 1


async def test_the_same_key_makes_one_import(call: Caller, people: dict[str, int]) -> None:
    alice = people["alice"]
    first = await call.bring(alice, BLOCKS, *named("bob"), request_id="k")
    assert await call.bring(alice, BLOCKS, *named("bob"), request_id="k") == first
    with pytest.raises(Aborted):
        await call.bring(alice, BLOCKS, *named("carol"), request_id="k")
    assert [each.import_id for each in (await call("ListImports", alice)).imports] == [first]


async def test_imports_are_bounded_and_the_oldest_forgotten(call: Caller, people: dict[str, int]) -> None:
    alice = people["alice"]
    for _ in range(MAX_UNFINISHED):
        await call.bring(alice, BLOCKS, *named("bob"))
    with pytest.raises(FailedPrecondition) as caught:
        await call.bring(alice, BLOCKS, *named("bob"))
    assert caught.value.reason == "TOO_MANY_IMPORTS"
    await call.finish()
    made = []
    for _ in range(KEPT):
        made.append(await call.bring(alice, BLOCKS, *named("bob")))
        await call.finish()
    assert [each.import_id for each in (await call("ListImports", alice)).imports] == made[::-1]


async def test_failures_come_in_pages(call: Caller, people: dict[str, int]) -> None:
    alice = people["alice"]
    import_id = await call.bring(alice, BLOCKS, *named("x", "y", "z"))
    await call.finish()
    first = await call("ListFailedRows", alice, import_id=import_id, page_size=2)
    rest = await call("ListFailedRows", alice, import_id=import_id, page_size=2, after_line=first.rows[-1].row.line)
    assert [each.row.row.username for page in (first, rest) for each in page.rows] == ["x", "y", "z"]
    assert (first.more, rest.more) == (True, False)


@pytest.mark.parametrize(
    ("change", "named_"),
    [
        ({"kind": 0}, "kind"),
        ({"mode": 0}, "mode"),
        ({"rows": []}, "rows"),
        ({"rows": [pb.ImportRow(line=1)]}, "rows"),
        ({"rows": [pb.ImportRow(line=0, row=pb.TransferRow(username="bob"))]}, "rows"),
        ({"rows": [pb.ImportRow(line=1, row=pb.TransferRow(username="bob"))] * 2}, "rows"),
        ({"rows": [pb.ImportRow(line=1, row=pb.TransferRow(username="b" * 1001))]}, "rows"),
        ({"rows": [pb.ImportRow(line=1, row=pb.TransferRow(username="b\0b"))]}, "rows"),
        ({"rows": [pb.ImportRow(line=1, row=pb.TransferRow(username="bob", list_title="Birds"))]}, "rows"),
        ({"kind": LISTS}, "rows"),
        ({"request_id": "x" * 201}, "request_id"),
    ],
)
async def test_what_is_no_import_is_refused_with_the_field(
    call: Caller, people: dict[str, int], change: dict[str, Any], named_: str
) -> None:
    rows = [pb.ImportRow(line=1, row=pb.TransferRow(username="bob"))]
    fields: dict[str, Any] = {"kind": BLOCKS, "mode": MERGE, "rows": rows, **change}
    with pytest.raises(InvalidArgument) as caught:
        await call("CreateImport", people["alice"], **fields)
    assert [violation.field for violation in caught.value.fields] == [named_]


@pytest.mark.parametrize("kind", READ)
async def test_an_app_needs_the_scope_of_the_kind(call: Caller, people: dict[str, int], kind: int) -> None:
    alice, bob = people["alice"], people["bob"]
    fields = {"kind": kind, "mode": MERGE}
    bob_on_birds = pb.TransferRow(username="bob", list_title="Birds" if kind == LISTS else "")
    rows = [pb.ImportRow(line=1, row=kept(1)[0] if kind == BOOKMARKS else bob_on_birds)]
    others = [scope for each, scope in READ.items() if each != kind]
    with pytest.raises(PermissionDenied):
        await call(
            "CreateImport", alice, "read", *(scope.replace("read", "write") for scope in others), rows=rows, **fields
        )
    write = READ[kind].replace("read", "write")
    made = await call("CreateImport", alice, write, rows=rows, **fields)
    import_id = made.progress.import_id
    for method in ("GetImport", "ListFailedRows"):
        with pytest.raises(PermissionDenied):
            await call(method, alice, "write", *others, import_id=import_id)
        await call(method, alice, READ[kind], import_id=import_id)
        with pytest.raises(NotFound):
            await call(method, bob, import_id=import_id)
    assert len((await call("ListImports", alice, READ[kind])).imports) == 1
    assert len((await call("ListImports", alice, *others)).imports) == 0
