"""All follows over Postgres, through a real stub: what a view of them is built of, from nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from rookery.user.v1 import snapshot_service_pb2 as pb
from rookery.user.v1.events_pb2 import Follow, FollowCreated, FollowEnded, FollowUpdated
from rookery.user.v1.relationship_events_pb2 import FollowRequested, FollowRequestEnded
from rookery.user.v1.snapshot_service_pb2_grpc import SnapshotServiceStub, add_SnapshotServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import InvalidArgument, PermissionDenied
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.paging import CursorCodec
from rookery_common.rpc import RpcClient
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.relationships.models import FollowSettings
from user_service.snapshot_servicer import ALLOWED_CALLERS, SERVICE_NAME, SnapshotServicer
from user_service.snapshots.repository import SnapshotRepository
from user_service.snapshots.service import MAX_PAGE, Snapshots

if TYPE_CHECKING:
    from tests.conftest import World

NOTHING = FollowSettings()
TOLD = FollowCreated | FollowUpdated | FollowEnded | FollowRequested | FollowRequestEnded


@pytest_asyncio.fixture
async def network(pg: Postgres) -> AsyncIterator[tuple[Network, int]]:
    async with AsyncExitStack() as stack:
        network = Network(stack, Tokens().verifier)
        servicer = SnapshotServicer(Snapshots(SnapshotRepository(pg), CursorCodec(bytes(32))))
        registration = (add_SnapshotServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        yield network, server.port


@pytest_asyncio.fixture
async def feed(network: tuple[Network, int]) -> RpcClient:
    return await network[0].client(network[1], SnapshotServiceStub, service="user", settings=settings_of("feed"))


async def _all(feed: RpcClient, page_size: int) -> list[Follow]:
    follows: list[Follow] = []
    token = ""
    while True:
        request = pb.ListFollowsRequest(page_size=page_size, page_token=token)
        answer: pb.ListFollowsResponse = await feed.call("ListFollows", request, timeout=30, idempotent=True)
        assert len(answer.follows) <= page_size
        follows += answer.follows
        token = answer.next_page_token
        if not token:
            return follows


async def test_all_follows_are_as_the_events_told_of_them(
    feed: RpcClient, real_world: World, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    people = [await real_world.sign_up(f"bird{number}") for number in range(5)]
    change = real_world.relationships
    for one in people:
        for other in people:
            if one != other:
                await change.follow(one, other, NOTHING)
    await change.unfollow(people[0], people[1])
    await change.follow(people[1], people[2], FollowSettings(reblogs=False, languages=("en",)))
    await change.block(people[3], people[4])
    await outbox.drain()

    newest: dict[tuple[int, int], Follow] = {}
    for message in (event.decode() for event in producer.sent):
        if isinstance(message, TOLD):
            newest[message.follow.follower_id, message.follow.followee_id] = message.follow
    wanted = [newest[pair] for pair in sorted(newest)]
    assert len(wanted) == 20
    assert await _all(feed, 3) == wanted
    assert await _all(feed, 20) == wanted


async def test_a_page_that_is_none_is_refused(feed: RpcClient) -> None:
    for request, field in (
        (pb.ListFollowsRequest(page_size=MAX_PAGE + 1), "page_size"),
        (pb.ListFollowsRequest(page_size=-1), "page_size"),
        (pb.ListFollowsRequest(page_token="x"), "page_token"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await feed.call("ListFollows", request, timeout=30, idempotent=True)
        assert [violation.field for violation in refused.value.fields] == [field]


async def test_whoever_keeps_no_view_may_not_ask(network: tuple[Network, int]) -> None:
    gateway = await network[0].client(network[1], SnapshotServiceStub, service="user", settings=settings_of("gateway"))
    with pytest.raises(PermissionDenied):
        await gateway.call("ListFollows", pb.ListFollowsRequest(), timeout=30, idempotent=True)
