"""TagService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import tag_service_pb2 as pb
from rookery.user.v1.tag_service_pb2_grpc import TagServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import Unauthenticated
from user_service.relationship_servicer import caller_id
from user_service.tags.service import FollowedTags

SERVICE_NAME = "rookery.user.v1.TagService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("ListFollowedTags", "FollowTag", "UnfollowTag")}
WRITE_SCOPE = "write:follows"
Context = grpc.aio.ServicerContext[Any, Any]


class TagServicer(TagServiceServicer):
    """The RPCs of followed hashtags."""

    def __init__(self, tags: FollowedTags) -> None:
        self._tags = tags

    async def ListFollowedTags(
        self, request: pb.ListFollowedTagsRequest, context: Context
    ) -> pb.ListFollowedTagsResponse:
        # Whoever reads the home reads it with what is posted with them: any token of the account will do.
        me = require_identity().account_id
        if not me:
            raise Unauthenticated("this needs a user's token")
        names, token = await self._tags.page(me, request.page_size, request.page_token)
        return pb.ListFollowedTagsResponse(names=names, next_page_token=token)

    async def FollowTag(self, request: pb.FollowTagRequest, context: Context) -> pb.FollowTagResponse:
        return pb.FollowTagResponse(name=await self._tags.follow(caller_id(WRITE_SCOPE), request.name))

    async def UnfollowTag(self, request: pb.UnfollowTagRequest, context: Context) -> pb.UnfollowTagResponse:
        return pb.UnfollowTagResponse(name=await self._tags.unfollow(caller_id(WRITE_SCOPE), request.name))
