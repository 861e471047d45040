"""What accounts take along, over Postgres and through a real stub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import transfer_service_pb2 as pb
from rookery.user.v1.transfer_service_pb2_grpc import TransferServiceStub, add_TransferServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import InvalidArgument, PermissionDenied, Unauthenticated
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.lists.models import ListChange
from user_service.lists.repository import ListRepository
from user_service.lists.service import Lists
from user_service.relationships.models import FollowSettings
from user_service.transfer_servicer import ALLOWED_CALLERS, SERVICE_NAME, TransferServicer
from user_service.transfers.exports import ExportRepository
from user_service.transfers.importing import Imports
from user_service.transfers.imports import ImportRepository
from user_service.transfers.service import Exports

if TYPE_CHECKING:
    from tests.conftest import World


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for."""

    client: RpcClient
    tokens: Tokens

    async def __call__(self, who: int, *scopes: str, **fields: Any) -> pb.ExportRowsResponse:
        identity = self.tokens.identity(who, scopes=scopes or ("security",))
        request = pb.ExportRowsRequest(**fields)
        answer: pb.ExportRowsResponse = await self.client.call("ExportRows", request, timeout=5, identity=identity)
        return answer

    async def all(self, who: int, kind: int, page_size: int = 0) -> list[pb.TransferRow]:
        """Every page's rows; no page but the last is shorter than asked for."""
        rows: list[pb.TransferRow] = []
        token = ""
        while True:
            answer = await self(who, kind=kind, page_size=page_size, page_token=token)
            rows += answer.rows
            token = answer.next_page_token
            if not token:
                return rows
            assert len(answer.rows) == page_size


@pytest_asyncio.fixture
async def export(pg: Postgres, clock: FakeClock, ids: FakeIds) -> AsyncIterator[Caller]:
    tokens = Tokens()
    exports, imports = (
        Exports(ExportRepository(pg), CursorCodec(bytes(32)), clock),
        Imports(ImportRepository(pg), ids, clock),
    )
    servicer = TransferServicer(exports, imports)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_TransferServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield Caller(await network.client(server.port, TransferServiceStub, service="user", settings=settings), tokens)


@pytest_asyncio.fixture
async def people(real_world: World) -> dict[str, int]:
    return {name: await real_world.sign_up(name) for name in ("alice", "bob", "carol", "dan")}


async def test_follows_go_along_with_their_settings_page_by_page(
    export: Caller, real_world: World, people: dict[str, int]
) -> None:
    alice, follow = people["alice"], real_world.relationships.follow
    await follow(alice, people["bob"], FollowSettings())
    await follow(alice, people["carol"], FollowSettings(reblogs=False, notify=True, languages=("de", "pt-BR")))
    await follow(alice, people["dan"], FollowSettings())
    await real_world.relationships.unfollow(alice, people["dan"])
    await follow(people["dan"], alice, FollowSettings())
    rows = await export.all(alice, pb.TRANSFER_KIND_FOLLOWS, page_size=1)
    assert [row.username for row in rows] == ["carol", "bob"]
    carol, bob = (row.follow for row in rows)
    assert (carol.reblogs, carol.notify, list(carol.languages)) == (False, True, ["de", "pt-BR"])
    assert (bob.reblogs, bob.notify, list(bob.languages)) == (True, False, [])


async def test_blocks_and_mutes_that_hold_go_along(
    export: Caller, real_world: World, people: dict[str, int], clock: FakeClock
) -> None:
    alice, acts = people["alice"], real_world.relationships
    await acts.block(alice, people["bob"])
    await acts.block(alice, people["carol"])
    await acts.unblock(alice, people["carol"])
    assert [row.username for row in await export.all(alice, pb.TRANSFER_KIND_BLOCKS)] == ["bob"]
    await acts.mute(alice, people["bob"], notifications=False)
    await acts.mute(alice, people["carol"], duration=timedelta(hours=1))
    await acts.mute(alice, people["dan"])
    clock.advance(3601)
    rows = await export.all(alice, pb.TRANSFER_KIND_MUTES, page_size=1)
    assert [(row.username, row.notifications) for row in rows] == [("dan", True), ("bob", False)]


async def test_lists_go_along_by_their_titles(
    export: Caller,
    real_world: World,
    people: dict[str, int],
    pg: Postgres,
    outbox: PostgresOutbox,
    clock: FakeClock,
    ids: FakeIds,
) -> None:
    lists = Lists(ListRepository(pg, outbox), real_world.caches, Events(clock), ids, CursorCodec(bytes(32)))
    alice = people.pop("alice")
    for other in people.values():
        await real_world.relationships.follow(alice, other, FollowSettings())
    birds, friends, _empty = [(await lists.create(alice, ListChange(name))).list_id for name in ("Birds", "Fr", "No")]
    await lists.add(alice, birds, [people["carol"], people["bob"]])
    await lists.add(alice, friends, [people["bob"]])
    for page_size in (1, 2, 3):
        rows = await export.all(alice, pb.TRANSFER_KIND_LISTS, page_size)
        assert [(row.list_title, row.username) for row in rows] == [("Birds", "bob"), ("Birds", "carol"), ("Fr", "bob")]
    assert await export.all(people["bob"], pb.TRANSFER_KIND_LISTS) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": 0}, "kind"),
        ({"kind": 9}, "kind"),
        ({"kind": 1, "page_size": 501}, "page_size"),
        ({"kind": 1, "page_size": -1}, "page_size"),
        ({"kind": 1, "page_token": "x"}, "page_token"),
    ],
)
async def test_what_is_no_page_of_a_kind_is_refused(export: Caller, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await export(1, **fields)
    assert [violation.field for violation in caught.value.fields] == [named]


async def test_a_token_of_another_kind_is_none_here(export: Caller, real_world: World, people: dict[str, int]) -> None:
    for other in ("bob", "carol"):
        await real_world.relationships.block(people["alice"], people[other])
    page = await export(people["alice"], kind=pb.TRANSFER_KIND_BLOCKS, page_size=1)
    with pytest.raises(InvalidArgument):
        await export(people["alice"], kind=pb.TRANSFER_KIND_MUTES, page_token=page.next_page_token)


async def test_only_a_browser_takes_them_along(export: Caller) -> None:
    with pytest.raises(PermissionDenied) as caught:
        await export(1, "read", "write", "follow", kind=pb.TRANSFER_KIND_FOLLOWS)
    assert caught.value.reason == "SCOPE_MISSING"
    with pytest.raises(Unauthenticated):
        await export(0, kind=pb.TRANSFER_KIND_FOLLOWS)
