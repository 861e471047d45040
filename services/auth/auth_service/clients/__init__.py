"""The user service, as signing up needs it. Auth calls in its own name: there is no user yet."""

from __future__ import annotations

from datetime import UTC

from auth_service.models import Reservation
from rookery.user.v1.user_service_pb2 import (
    ConfirmAccountRequest,
    LookupAccountsRequest,
    LookupAccountsResponse,
    ReserveAccountRequest,
    ReserveAccountResponse,
)
from rookery_common.rpc import RpcClient

CALL_SECONDS = 2.0


class UserClient:
    """Reserves, confirms and finds accounts; all may be repeated."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def reserve(self, reservation_id: str, username: str) -> Reservation:
        """The account's id; the same one for the same reservation. Raises AlreadyExists, InvalidArgument (username)."""
        request = ReserveAccountRequest(request_id=reservation_id, username=username)
        answer: ReserveAccountResponse = await self._rpc.call(
            "ReserveAccount", request, timeout=CALL_SECONDS, idempotent=True, identity=None
        )
        return Reservation(answer.account_id, answer.expire_time.ToDatetime(UTC))

    async def confirm(self, account_id: int, reservation_id: str) -> None:
        """Makes the reservation an account. Raises NotFound if it has expired."""
        request = ConfirmAccountRequest(account_id=account_id, request_id=reservation_id)
        await self._rpc.call("ConfirmAccount", request, timeout=CALL_SECONDS, idempotent=True, identity=None)

    async def find(self, username: str) -> int | None:
        """Whose name it is; None for nobody's."""
        request = LookupAccountsRequest(usernames=[username])
        answer: LookupAccountsResponse = await self._rpc.call(
            "LookupAccounts", request, timeout=CALL_SECONDS, idempotent=True, identity=None
        )
        return answer.accounts[0].account_id if answer.accounts else None
