"""PinService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.service.pins import Pins
from rookery.post.v1 import pin_service_pb2 as pb
from rookery.post.v1.pin_service_pb2_grpc import PinServiceServicer
from rookery_common.auth import current_identity

SERVICE_NAME: Final = "rookery.post.v1.PinService"
Context = grpc.aio.ServicerContext[Any, Any]


class PinServicer(PinServiceServicer):
    """One method for each RPC."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    async def PinPost(self, request: pb.PinPostRequest, context: Context) -> pb.PinPostResponse:
        await self._pins.pin(require_user("write:accounts"), request.post_id)
        return pb.PinPostResponse()

    async def UnpinPost(self, request: pb.UnpinPostRequest, context: Context) -> pb.UnpinPostResponse:
        await self._pins.unpin(require_user("write:accounts"), request.post_id)
        return pb.UnpinPostResponse()

    async def ListPinnedPosts(self, request: pb.ListPinnedPostsRequest, context: Context) -> pb.ListPinnedPostsResponse:
        post_ids = await self._pins.visible(current_identity(), request.account_id)
        return pb.ListPinnedPostsResponse(post_ids=post_ids)
