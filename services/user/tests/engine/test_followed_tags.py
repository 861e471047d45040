"""Followed hashtags over Postgres, through a real stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import events_pb2
from rookery.user.v1 import tag_service_pb2 as pb
from rookery.user.v1.tag_service_pb2_grpc import TagServiceStub, add_TagServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.tag_servicer import ALLOWED_CALLERS, SERVICE_NAME, TagServicer
from user_service.tags import service
from user_service.tags.repository import TagRepository
from user_service.tags.service import FollowedTags

if TYPE_CHECKING:
    from tests.conftest import World


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for."""

    client: RpcClient
    tokens: Tokens

    async def __call__(self, method: str, who: int, *, scopes: tuple[str, ...] = ("write",), **fields: Any) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, timeout=5, identity=self.tokens.identity(who, scopes=scopes))

    async def names(self, who: int, **page: Any) -> list[str]:
        return list((await self("ListFollowedTags", who, **page)).names)


@pytest_asyncio.fixture
async def call(pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds) -> AsyncIterator[Caller]:
    tokens = Tokens()
    tags = FollowedTags(TagRepository(pg, outbox), Events(clock), ids, CursorCodec(bytes(32)))
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_TagServiceServicer_to_server, TagServicer(tags), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield Caller(await network.client(server.port, TagServiceStub, service="user", settings=settings), tokens)


@pytest_asyncio.fixture
async def alice(real_world: World) -> int:
    return await real_world.sign_up("alice")


async def test_a_hashtag_is_followed_once_however_it_is_written_until_it_is_not(
    call: Caller, alice: int, real_world: World, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    bob = await real_world.sign_up("bob")
    for name in ("#Cats", "CATS", "\uff23ats"):
        assert (await call("FollowTag", alice, name=name)).name == "cats"
    await call("FollowTag", alice, name="caf\u00e9")
    assert await call.names(alice) == ["caf\u00e9", "cats"]
    assert await call.names(bob) == []
    for _ in range(2):
        assert (await call("UnfollowTag", alice, name="Cats")).name == "cats"
    assert await call.names(alice) == ["caf\u00e9"]
    await outbox.drain()
    told = [event for event in producer.sent if isinstance(event.decode(), events_pb2.FollowedTagsChanged)]
    assert [event.key for event in told] == [str(alice)] * 3


async def test_pages_name_each_hashtag_once_the_one_followed_last_first(call: Caller, alice: int) -> None:
    for name in "abcde":
        await call("FollowTag", alice, name=name)
    seen, token = list[str](), ""
    while True:
        page = await call("ListFollowedTags", alice, page_size=2, page_token=token)
        seen += page.names
        token = page.next_page_token
        if not token:
            break
    assert seen == list("edcba")
    for wrong in ({"page_token": "x"}, {"page_size": 101}, {"page_size": -1}):
        with pytest.raises(InvalidArgument):
            await call("ListFollowedTags", alice, **wrong)


async def test_an_account_follows_only_so_many_also_when_asked_for_side_by_side(
    call: Caller, alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_FOLLOWED_TAGS", 3)
    answers = await asyncio.gather(*(call("FollowTag", alice, name=name) for name in "abcdef"), return_exceptions=True)
    assert sum(isinstance(answer, FailedPrecondition) for answer in answers) == 3
    kept = await call.names(alice, page_size=3)
    assert len(kept) == 3
    assert (await call("FollowTag", alice, name=kept[0])).name == kept[0]


@pytest.mark.parametrize("name", ["", "#", "12345", "two words", "x" * 101, "semi;colon"])
async def test_what_is_no_hashtag_is_refused_by_its_name(call: Caller, alice: int, name: str) -> None:
    for method in ("FollowTag", "UnfollowTag"):
        with pytest.raises(InvalidArgument) as refused:
            await call(method, alice, name=name)
        assert refused.value.fields[0].field == "name"


async def test_only_a_user_with_the_scope_follows(call: Caller, alice: int) -> None:
    with pytest.raises(PermissionDenied):
        await call("FollowTag", alice, scopes=("read",), name="cats")
    with pytest.raises(Unauthenticated):
        await call("FollowTag", 0, name="cats")
    with pytest.raises(Unauthenticated):
        await call("ListFollowedTags", 0)
