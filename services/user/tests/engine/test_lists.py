"""Lists over Postgres, through a real stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import events_pb2
from rookery.user.v1 import list_service_pb2 as pb
from rookery.user.v1.list_service_pb2_grpc import ListServiceStub, add_ListServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.list_servicer import ALLOWED_CALLERS, SERVICE_NAME, ListServicer
from user_service.lists import service
from user_service.lists.repository import ListRepository
from user_service.lists.service import Lists
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for."""

    client: RpcClient
    tokens: Tokens

    async def __call__(
        self, method: str, who: int, *, scopes: tuple[str, ...] = ("read", "write"), **fields: Any
    ) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, timeout=5, identity=self.tokens.identity(who, scopes=scopes))

    async def made(self, who: int, **fields: Any) -> pb.AccountList:
        made: pb.AccountList = (await self("CreateAccountList", who, **{"title": "Birds", **fields})).list
        return made

    async def members(self, who: int, list_id: int) -> list[int]:
        return list((await self("ListListMembers", who, list_id=list_id)).account_ids)

    async def add(self, who: int, list_id: int, *members: int) -> None:
        await self("PutListMembers", who, list_id=list_id, account_ids=members)


@pytest_asyncio.fixture
async def call(
    real_world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds
) -> AsyncIterator[Caller]:
    tokens = Tokens()
    lists = Lists(ListRepository(pg, outbox), real_world.caches, Events(clock), ids, CursorCodec(bytes(32)))
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_ListServiceServicer_to_server, ListServicer(lists), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield Caller(await network.client(server.port, ListServiceStub, service="user", settings=settings), tokens)


@dataclass
class People:
    """Alice, who follows the others but dan."""

    alice: int
    bob: int
    carol: int
    dan: int


@pytest_asyncio.fixture
async def people(real_world: World) -> People:
    people = People(*[await real_world.sign_up(name) for name in ("alice", "bob", "carol", "dan")])
    for other in (people.bob, people.carol):
        await real_world.relationships.follow(people.alice, other, FollowSettings())
    return people


async def test_a_list_is_made_changed_and_deleted(call: Caller, people: People) -> None:
    made = await call.made(people.alice, title=" Birds ")
    assert (made.title, made.replies_policy, made.exclusive) == ("Birds", pb.REPLIES_POLICY_LIST, False)
    fields: dict[str, Any] = {"replies_policy": pb.REPLIES_POLICY_NONE, "exclusive": True}
    changed = (await call("UpdateAccountList", people.alice, list_id=made.list_id, **fields)).list
    assert (changed.title, changed.replies_policy, changed.exclusive) == ("Birds", pb.REPLIES_POLICY_NONE, True)
    assert (await call("GetAccountList", people.alice, list_id=made.list_id)).list == changed
    assert list((await call("ListAccountLists", people.alice)).lists) == [changed]
    await call.add(people.alice, made.list_id, people.bob)
    await call("DeleteAccountList", people.alice, list_id=made.list_id)
    assert list((await call("ListAccountLists", people.alice)).lists) == []
    assert list((await call("ListAccountLists", people.alice, member_id=people.bob)).lists) == []


async def test_a_list_is_its_owners_alone(call: Caller, people: People) -> None:
    made = await call.made(people.alice)
    named: dict[str, Any] = {"list_id": made.list_id}
    for method, fields in (
        ("GetAccountList", named), ("UpdateAccountList", named), ("DeleteAccountList", named),
        ("ListListMembers", named), ("PutListMembers", {**named, "account_ids": [people.bob]}),
        ("RemoveListMembers", {**named, "account_ids": [people.bob]}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await call(method, people.dan, **fields)
        with pytest.raises(PermissionDenied):
            await call(method, people.alice, scopes=("read:filters", "write:filters"), **fields)
        with pytest.raises(Unauthenticated):
            await call(method, 0, **fields)


async def test_only_those_whom_one_follows_are_on_a_list(call: Caller, people: People, real_world: World) -> None:
    made = await call.made(people.alice)
    with pytest.raises(NotFound):
        await call.add(people.alice, made.list_id, people.bob, people.dan)
    assert await call.members(people.alice, made.list_id) == []
    for _ in range(2):
        await call.add(people.alice, made.list_id, people.bob, people.carol)
    assert await call.members(people.alice, made.list_id) == sorted((people.bob, people.carol), reverse=True)
    held = (await call("ListAccountLists", people.alice, member_id=people.carol)).lists
    assert [each.list_id for each in held] == [made.list_id]
    await real_world.relationships.unfollow(people.alice, people.bob)
    await real_world.relationships.block(people.carol, people.alice)
    assert await call.members(people.alice, made.list_id) == []


async def test_nobody_is_added_while_the_follow_of_them_ends(call: Caller, people: People, real_world: World) -> None:
    made = await call.made(people.alice)

    async def add() -> None:
        with suppress(NotFound):
            await call.add(people.alice, made.list_id, people.bob)

    for _ in range(10):
        await real_world.relationships.follow(people.alice, people.bob, FollowSettings())
        await asyncio.gather(add(), real_world.relationships.unfollow(people.alice, people.bob))
        assert await call.members(people.alice, made.list_id) == []


async def test_members_come_in_pages_until_they_are_taken_off(call: Caller, people: People) -> None:
    made = await call.made(people.alice)
    await call.add(people.alice, made.list_id, people.bob, people.carol)
    seen, token = [], ""
    for _ in range(2):
        page = await call("ListListMembers", people.alice, list_id=made.list_id, page_size=1, page_token=token)
        seen += page.account_ids
        token = page.next_page_token
    assert (seen, token) == (sorted((people.bob, people.carol), reverse=True), "")
    for fields in ({"page_token": "nonsense"}, {"page_size": 501}):
        with pytest.raises(InvalidArgument):
            await call("ListListMembers", people.alice, list_id=made.list_id, **fields)
    await call("RemoveListMembers", people.alice, list_id=made.list_id, account_ids=[people.bob, people.dan])
    assert await call.members(people.alice, made.list_id) == [people.carol]


async def test_an_exclusive_list_is_known_of_its_members_with_the_next_read(
    call: Caller, people: People, real_world: World
) -> None:
    async def kept_out() -> list[bool]:
        pairs = [(people.alice, people.bob), (people.alice, people.carol)]
        known = await real_world.relationships.between(pairs)
        return [known[pair].exclusively_listed for pair in pairs]

    assert await kept_out() == [False, False]
    exclusive, other = await call.made(people.alice, exclusive=True), await call.made(people.alice)
    await call.add(people.alice, exclusive.list_id, people.bob)
    await call.add(people.alice, other.list_id, people.carol)
    assert await kept_out() == [True, False]
    await call("UpdateAccountList", people.alice, list_id=other.list_id, exclusive=True)
    assert await kept_out() == [True, True]
    await call("DeleteAccountList", people.alice, list_id=exclusive.list_id)
    assert await kept_out() == [False, True]


async def test_a_list_that_is_asked_for_again_is_made_once(call: Caller, people: People) -> None:
    made = await asyncio.gather(*(call.made(people.alice, request_id="key") for _ in range(4)))
    assert {each.list_id for each in made} == {made[0].list_id}
    with pytest.raises(Aborted):
        await call.made(people.alice, title="Fish", request_id="key")
    assert (await call.made(people.dan, title="Fish", request_id="key")).title == "Fish"


async def test_limits_hold_whoever_comes_at_once(call: Caller, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_LISTS", 2)
    monkeypatch.setattr(service, "MAX_MEMBERS", 1)
    tried = await asyncio.gather(*(call.made(people.alice) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, FailedPrecondition) for each in tried) == 2
    made = (await call("ListAccountLists", people.alice)).lists[0]
    added = await asyncio.gather(
        *(call.add(people.alice, made.list_id, other) for other in (people.bob, people.carol)), return_exceptions=True
    )
    assert sum(isinstance(each, FailedPrecondition) for each in added) == 1
    assert len(await call.members(people.alice, made.list_id)) == 1


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"title": "  "}, "title"),
    ({"title": "x" * 257}, "title"),
    ({"title": "bell\x07"}, "title"),
    ({"replies_policy": 9}, "replies_policy"),
    ({"request_id": "k" * 201}, "request_id"),
)


async def test_what_no_list_can_be_is_refused_by_field(call: Caller, people: People) -> None:
    for fields, field in BAD:
        with pytest.raises(InvalidArgument) as refused:
            await call.made(people.alice, **fields)
        assert [each.field for each in refused.value.fields] == [field]
    assert list((await call("ListAccountLists", people.alice)).lists) == []
    made = await call.made(people.alice)
    for count in (0, 101):
        with pytest.raises(InvalidArgument):
            await call.add(people.alice, made.list_id, *range(1, count + 1))


async def test_each_change_is_told_without_what_it_says(
    call: Caller, people: People, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    made = await call.made(people.alice)
    await call.add(people.alice, made.list_id, people.bob)
    await outbox.drain()
    told = [event for event in producer.sent if isinstance(event.decode(), events_pb2.ListsChanged)]
    assert [event.key for event in told] == [str(people.alice)] * 2
    assert told[0].version < told[1].version
