"""SnapshotService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import snapshot_service_pb2 as pb
from rookery.user.v1.snapshot_service_pb2_grpc import SnapshotServiceServicer
from user_service.relationship_events import follow_message
from user_service.snapshots.service import Snapshots

SERVICE_NAME = "rookery.user.v1.SnapshotService"
ALLOWED_CALLERS = {"ListFollows": frozenset({"feed"})}
Context = grpc.aio.ServicerContext[Any, Any]


class SnapshotServicer(SnapshotServiceServicer):
    """The RPCs of snapshots, for services alone."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def ListFollows(self, request: pb.ListFollowsRequest, context: Context) -> pb.ListFollowsResponse:
        follows, token = await self._snapshots.follows(request.page_size, request.page_token)
        return pb.ListFollowsResponse(follows=map(follow_message, follows), next_page_token=token)
