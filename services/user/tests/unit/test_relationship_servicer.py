"""RelationshipService through a real stub and server: shapes, scopes, errors, and who may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from rookery.user.v1 import relationship_service_pb2 as pb
from rookery.user.v1.relationship_service_pb2_grpc import (
    RelationshipServiceStub,
    add_RelationshipServiceServicer_to_server,
)
from rookery_common.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.rpc import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.relationship_servicer import ALLOWED_CALLERS, SERVICE_NAME, RelationshipServicer
from user_service.relationships.models import FollowSettings

if TYPE_CHECKING:
    from tests.conftest import World

ACTS = {
    "BlockAccount": "write:blocks",
    "UnblockAccount": "write:blocks",
    "MuteAccount": "write:mutes",
    "UnmuteAccount": "write:mutes",
    "RemoveFollower": "write:follows",
    "AuthorizeFollowRequest": "write:follows",
    "RejectFollowRequest": "write:follows",
    "SetAccountNote": "write:accounts",
    "EndorseAccount": "write:accounts",
    "UnendorseAccount": "write:accounts",
    "ListFamiliarFollowers": "read:follows",
    "ListBlocks": "read:blocks",
    "ListMutes": "read:mutes",
    "ListFollowRequests": "read:follows",
}


@dataclass
class Caller:
    """The service as the gateway calls it."""

    gateway: RpcClient
    stranger: RpcClient
    tokens: Tokens

    async def __call__(self, method: str, request: Any, who: int, *scopes: str) -> Any:
        identity = self.tokens.identity(who, scopes=scopes or ("read", "write"))
        return await self.gateway.call(method, request, timeout=5, identity=identity)


@pytest_asyncio.fixture
async def call(world: World) -> AsyncIterator[Caller]:
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = RelationshipServicer(world.relationships, world.lists)
        registration = (add_RelationshipServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        gateway, stranger = [
            await network.client(server.port, RelationshipServiceStub, service="user", settings=settings_of(name))
            for name in ("gateway", "feed")
        ]
        yield Caller(gateway, stranger, tokens)


@pytest.mark.parametrize(("method", "scope"), ACTS.items())
async def test_each_method_has_one_caller_and_one_scope(call: Caller, world: World, method: str, scope: str) -> None:
    alice = await world.sign_up("alice")
    request = getattr(pb, f"{method}Request")()
    identity = call.tokens.identity(alice)
    with pytest.raises(PermissionDenied) as caught:
        await call.stranger.call(method, request, timeout=5, identity=identity)
    assert caught.value.reason == "CALLER_NOT_ALLOWED"
    others = sorted(set(ACTS.values()) - {scope})
    with pytest.raises(PermissionDenied) as caught:
        await call(method, request, alice, *others)
    assert caught.value.reason == "SCOPE_MISSING"
    with pytest.raises(Unauthenticated):
        await call(method, request, 0)


async def test_a_block_and_a_mute_are_answered_and_listed(call: Caller, world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    blocked = await call("BlockAccount", pb.BlockAccountRequest(account_id=bob), alice)
    assert (blocked.relationship.account_id, blocked.relationship.blocking) == (bob, True)
    hour = pb.MuteAccountRequest(account_id=bob, notifications=False, duration=Duration(seconds=3600))
    muted = (await call("MuteAccount", hour, alice)).relationship
    assert (muted.blocking, muted.muting, muted.muting_notifications) == (True, True, False)
    assert list((await call("ListBlocks", pb.ListBlocksRequest(), alice)).account_ids) == [bob]
    (listed,) = (await call("ListMutes", pb.ListMutesRequest(), alice)).accounts
    assert listed.expire_time.ToDatetime().isoformat() == "2026-03-01T13:00:00"
    await call("MuteAccount", pb.MuteAccountRequest(account_id=bob), alice)
    (listed,) = (await call("ListMutes", pb.ListMutesRequest(), alice)).accounts
    assert (listed.account_id, listed.HasField("expire_time")) == (bob, False)
    unmuted = (await call("UnmuteAccount", pb.UnmuteAccountRequest(account_id=bob), alice)).relationship
    assert not unmuted.muting
    unblocked = (await call("UnblockAccount", pb.UnblockAccountRequest(account_id=bob), alice)).relationship
    assert not unblocked.blocking


async def test_followers_are_removed_and_requests_answered(call: Caller, world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    await world.relationships.follow(bob, alice, FollowSettings())
    removed = (await call("RemoveFollower", pb.RemoveFollowerRequest(account_id=bob), alice)).relationship
    assert not removed.followed_by
    assert list((await call("ListFollowRequests", pb.ListFollowRequestsRequest(), alice)).account_ids) == []
    with pytest.raises(NotFound) as caught:
        await call("AuthorizeFollowRequest", pb.AuthorizeFollowRequestRequest(account_id=bob), alice)
    assert caught.value.reason == "FOLLOW_REQUEST_NOT_FOUND"
    with pytest.raises(NotFound):
        await call("RejectFollowRequest", pb.RejectFollowRequestRequest(account_id=404), alice)


@pytest.mark.parametrize("seconds", [0, -5, 10**9, 10**18])
async def test_a_duration_is_one_that_a_mute_can_last(call: Caller, world: World, seconds: int) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    request = pb.MuteAccountRequest(account_id=bob, duration=Duration(seconds=seconds))
    with pytest.raises(InvalidArgument) as caught:
        await call("MuteAccount", request, alice)
    assert [violation.field for violation in caught.value.fields] == ["duration"]


async def test_whom_one_endorses_is_shown_to_anybody_whom_one_does_not_block(call: Caller, world: World) -> None:
    alice, bob, carol = [await world.sign_up(name) for name in ("alice", "bob", "carol")]
    with pytest.raises(FailedPrecondition):
        await call("EndorseAccount", pb.EndorseAccountRequest(account_id=bob), alice)
    await world.relationships.follow(alice, bob, FollowSettings())
    endorsed = (await call("EndorseAccount", pb.EndorseAccountRequest(account_id=bob), alice)).relationship
    assert endorsed.endorsed
    request = pb.ListEndorsementsRequest(account_id=alice)
    assert list((await call.gateway.call("ListEndorsements", request, timeout=5)).account_ids) == [bob]
    await world.relationships.block(alice, carol)
    assert list((await call("ListEndorsements", request, carol)).account_ids) == []
    assert list((await call("ListEndorsements", request, alice)).account_ids) == [bob]
    ended = (await call("UnendorseAccount", pb.UnendorseAccountRequest(account_id=bob), alice)).relationship
    assert not ended.endorsed
    with pytest.raises(NotFound):
        await call("ListEndorsements", pb.ListEndorsementsRequest(account_id=404), alice)


async def test_a_note_is_its_writers_alone(call: Caller, world: World) -> None:
    alice, bob = await world.sign_up("alice"), await world.sign_up("bob")
    noted = await call("SetAccountNote", pb.SetAccountNoteRequest(account_id=bob, comment=" Sings\nwell "), alice)
    assert noted.relationship.note == "Sings\nwell"
    between = await world.relationships.between([(alice, bob), (bob, alice)])
    assert [each.note for each in between.values()] == ["Sings\nwell", ""]
    for comment in ("x" * 2001, "bell\x07"):
        with pytest.raises(InvalidArgument) as caught:
            await call("SetAccountNote", pb.SetAccountNoteRequest(account_id=bob, comment=comment), alice)
        assert [violation.field for violation in caught.value.fields] == ["comment"]
    await call("SetAccountNote", pb.SetAccountNoteRequest(account_id=bob), alice)
    assert (await world.relationships.between([(alice, bob)]))[alice, bob].note == ""
