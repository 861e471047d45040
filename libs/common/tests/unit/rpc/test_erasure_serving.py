"""ErasureService through a real server: for user alone, and for ids of accounts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rookery.common.v1.erasure_service_pb2 import EraseAccountRequest, EraseAccountResponse
from rookery.common.v1.erasure_service_pb2_grpc import ErasureServiceStub
from rookery_common.erasure import Erased
from rookery_common.errors import InvalidArgument, PermissionDenied
from rookery_common.rpc import RpcClient
from rookery_common.rpc.erasure_serving import ALLOWED_CALLERS, erasure_registration
from rookery_common.testing.rpc import Network, settings_of

ALICE = 101
Caller = Callable[[str], Coroutine[Any, Any, RpcClient]]


class Noting:
    """An eraser that notes whom it was to erase, and has more to do."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def erase(self, account_id: int) -> Erased:
        self.asked.append(account_id)
        return Erased(done=False, amount=7)


@pytest.fixture
def eraser() -> Noting:
    return Noting()


@pytest.fixture
async def client_of(eraser: Noting, network: Network) -> Caller:
    """Makes a client, in a service's name."""
    allowed = {"*": frozenset({"gateway"}), **ALLOWED_CALLERS}
    server = await network.serve(erasure_registration(eraser), allowed_callers=allowed)

    async def client(caller: str) -> RpcClient:
        settings = settings_of(caller)
        return await network.client(server.port, ErasureServiceStub, service="server", settings=settings)

    return client


async def test_user_is_told_how_far_it_is(client_of: Caller, eraser: Noting) -> None:
    client = await client_of("user")
    response = await client.call("EraseAccount", EraseAccountRequest(account_id=ALICE), timeout=5)
    assert response == EraseAccountResponse(done=False, erased=7)
    assert eraser.asked == [ALICE]


@pytest.mark.parametrize("account_id", [0, -1])
async def test_what_is_no_account_is_refused(client_of: Caller, eraser: Noting, account_id: int) -> None:
    client = await client_of("user")
    with pytest.raises(InvalidArgument) as refused:
        await client.call("EraseAccount", EraseAccountRequest(account_id=account_id), timeout=5)
    assert [field.field for field in refused.value.fields] == ["account_id"]
    assert eraser.asked == []


async def test_nobody_else_erases(client_of: Caller, eraser: Noting) -> None:
    client = await client_of("gateway")
    with pytest.raises(PermissionDenied) as refused:
        await client.call("EraseAccount", EraseAccountRequest(account_id=ALICE), timeout=5)
    assert refused.value.reason == "CALLER_NOT_ALLOWED"
    assert eraser.asked == []
