"""The directory and the community's counts over Postgres, through a real stub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import directory_service_pb2 as pb
from rookery.user.v1.directory_service_pb2_grpc import DirectoryServiceStub, add_DirectoryServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.directory.repository import DirectoryRepository
from user_service.directory.service import Directory
from user_service.directory_servicer import ALLOWED_CALLERS, SERVICE_NAME, DirectoryServicer
from user_service.models import PostFact

if TYPE_CHECKING:
    from tests.conftest import World

Discover = Callable[[int], Awaitable[None]]
ACTIVE, NEW = pb.DIRECTORY_ORDER_ACTIVE, pb.DIRECTORY_ORDER_NEW


@pytest_asyncio.fixture
async def gateway(pg: Postgres) -> AsyncIterator[RpcClient]:
    """The gateway, with nobody behind it."""
    tokens = Tokens()
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        servicer = DirectoryServicer(Directory(DirectoryRepository(pg)))
        registration = (add_DirectoryServiceServicer_to_server, servicer, SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield await network.client(server.port, DirectoryServiceStub, service="user", settings=settings)


@pytest.fixture
def discover(pg: Postgres) -> Discover:
    async def wish(account_id: int) -> None:
        async with pg.transaction() as tx:
            await tx.execute("wish", "UPDATE accounts SET discoverable = true WHERE account_id = $1", account_id)

    return wish


async def listed(gateway: RpcClient, order: pb.DirectoryOrder.ValueType, offset: int = 0, size: int = 80) -> list[int]:
    request = pb.ListDirectoryRequest(order=order, offset=offset, page_size=size)
    return list((await gateway.call("ListDirectory", request, timeout=30, idempotent=True)).account_ids)


def post(author_id: int, post_id: int, clock: FakeClock, **fields: Any) -> PostFact:
    return PostFact(author_id, post_id, version=1, created_at=clock.now(), **{"counted": True, **fields})


async def test_who_wishes_to_be_found_is_listed_by_the_last_post_or_by_coming(
    gateway: RpcClient, real_world: World, discover: Discover, clock: FakeClock
) -> None:
    early, late, silent, hidden = [await real_world.sign_up(name) for name in ("early", "late", "silent", "hidden")]
    for account_id in (early, late, silent):
        await discover(account_id)
    await real_world.service.count_posts([post(late, 1, clock), post(hidden, 2, clock)])
    clock.advance(timedelta(days=1).total_seconds())
    await real_world.service.count_posts([post(early, 3, clock), post(silent, 4, clock, counted=False)])
    await real_world.service.count_posts([post(late, 1, clock)])  # told of again
    assert await listed(gateway, ACTIVE) == [early, late, silent]
    assert await listed(gateway, NEW) == [silent, late, early]
    assert await listed(gateway, NEW, offset=1, size=1) == [late]
    assert await listed(gateway, NEW, offset=3) == []


async def test_accounts_and_posts_are_counted_once(gateway: RpcClient, real_world: World, clock: FakeClock) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    await real_world.service.confirm_account(alice, "request-alice")
    posts = [post(alice, 1, clock), post(bob, 2, clock), post(bob, 3, clock, counted=False)]
    for _ in range(2):
        await real_world.service.count_posts(posts)
    await real_world.service.count_posts([PostFact(bob, 2, version=2, deleted=True)])
    counts = await gateway.call("GetCommunityCounts", pb.GetCommunityCountsRequest(), timeout=30, idempotent=True)
    assert (counts.accounts, counts.statuses) == (2, 1)
