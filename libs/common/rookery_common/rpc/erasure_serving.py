"""The servicers' end of erasures: user asks, a service's eraser does."""

from __future__ import annotations

from typing import Any, Final

import grpc

from rookery.common.v1.erasure_service_pb2 import EraseAccountRequest, EraseAccountResponse
from rookery.common.v1.erasure_service_pb2_grpc import ErasureServiceServicer, add_ErasureServiceServicer_to_server
from rookery_common.erasure import Eraser
from rookery_common.errors import FieldViolation, InvalidArgument
from rookery_common.rpc.server import Registration

ALLOWED_CALLERS: Final = {"EraseAccount": frozenset({"user"})}
SERVICE_NAME: Final = "rookery.common.v1.ErasureService"


class NoAccountToErase(InvalidArgument):
    """Not an id that this platform can have minted."""

    reason = "WRONG_ID"

    def __init__(self) -> None:
        violation = FieldViolation("account_id", "ERR_INVALID", "must be an account's id")
        super().__init__("account_id must be an account's id", fields=[violation])


class ErasureServicer(ErasureServiceServicer):
    """The one RPC; a service's server lists ALLOWED_CALLERS with its own."""

    def __init__(self, eraser: Eraser) -> None:
        self._eraser = eraser

    async def EraseAccount(
        self, request: EraseAccountRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> EraseAccountResponse:
        if request.account_id <= 0:
            raise NoAccountToErase
        erased = await self._eraser.erase(request.account_id)
        return EraseAccountResponse(done=erased.done, erased=erased.amount)


def erasure_registration(eraser: Eraser) -> Registration:
    """What an RpcServer is given to serve it."""
    return add_ErasureServiceServicer_to_server, ErasureServicer(eraser), SERVICE_NAME
