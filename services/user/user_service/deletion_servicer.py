"""DeletionService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import deletion_service_pb2 as pb
from rookery.user.v1.deletion_service_pb2_grpc import DeletionServiceServicer
from user_service.deletions.service import Deletions
from user_service.relationship_servicer import caller_id

SERVICE_NAME = "rookery.user.v1.DeletionService"
ALLOWED_CALLERS = {"DeleteAccount": frozenset({"gateway"})}
# A browser's session has it, and no app can.
BROWSER_SCOPE = "security"
Context = grpc.aio.ServicerContext[Any, Any]


class DeletionServicer(DeletionServiceServicer):
    """The RPC of an account's end."""

    def __init__(self, deletions: Deletions) -> None:
        self._deletions = deletions

    async def DeleteAccount(self, request: pb.DeleteAccountRequest, context: Context) -> pb.DeleteAccountResponse:
        await self._deletions.delete(caller_id(BROWSER_SCOPE), request.username)
        return pb.DeleteAccountResponse()
