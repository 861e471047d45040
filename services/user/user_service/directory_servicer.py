"""DirectoryService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import directory_service_pb2 as pb
from rookery.user.v1.directory_service_pb2_grpc import DirectoryServiceServicer
from user_service.directory.models import Order
from user_service.directory.service import Directory

SERVICE_NAME = "rookery.user.v1.DirectoryService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("ListDirectory", "GetCommunityCounts")}
Context = grpc.aio.ServicerContext[Any, Any]


class DirectoryServicer(DirectoryServiceServicer):
    """The RPCs of the directory, for anyone."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def ListDirectory(self, request: pb.ListDirectoryRequest, context: Context) -> pb.ListDirectoryResponse:
        order = Order.NEW if request.order == pb.DirectoryOrder.DIRECTORY_ORDER_NEW else Order.ACTIVE
        account_ids = await self._directory.page(order, request.offset, request.page_size)
        return pb.ListDirectoryResponse(account_ids=account_ids)

    async def GetCommunityCounts(
        self, request: pb.GetCommunityCountsRequest, context: Context
    ) -> pb.GetCommunityCountsResponse:
        counts = await self._directory.counts()
        return pb.GetCommunityCountsResponse(accounts=counts.accounts, statuses=counts.statuses)
