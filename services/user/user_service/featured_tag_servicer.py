"""FeaturedTagService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import featured_tag_service_pb2 as pb
from rookery.user.v1.featured_tag_service_pb2_grpc import FeaturedTagServiceServicer
from rookery_common.auth import current_identity
from user_service.errors import FieldInvalid
from user_service.featured_tags.models import FeaturedTag
from user_service.featured_tags.service import FeaturedTags
from user_service.relationship_servicer import caller_id

SERVICE_NAME = "rookery.user.v1.FeaturedTagService"
ALLOWED_CALLERS = {
    name: frozenset({"gateway"}) for name in ("ListFeaturedTags", "FeatureTag", "UnfeatureTag", "SuggestFeaturedTags")
}
READ, WRITE = "read:accounts", "write:accounts"
Context = grpc.aio.ServicerContext[Any, Any]


class FeaturedTagServicer(FeaturedTagServiceServicer):
    """The RPCs of hashtags on profiles."""

    def __init__(self, tags: FeaturedTags) -> None:
        self._tags = tags

    async def ListFeaturedTags(
        self, request: pb.ListFeaturedTagsRequest, context: Context
    ) -> pb.ListFeaturedTagsResponse:
        identity = current_identity()
        username, tags = await self._tags.of(identity.account_id if identity else 0, request.account_id)
        return pb.ListFeaturedTagsResponse(tags=[_encoded(tag) for tag in tags], username=username)

    async def FeatureTag(self, request: pb.FeatureTagRequest, context: Context) -> pb.FeatureTagResponse:
        username, tag = await self._tags.feature(caller_id(WRITE), request.name)
        return pb.FeatureTagResponse(tag=_encoded(tag), username=username)

    async def UnfeatureTag(self, request: pb.UnfeatureTagRequest, context: Context) -> pb.UnfeatureTagResponse:
        me, which = caller_id(WRITE), request.WhichOneof("tag")
        if which == "name":
            await self._tags.unfeature_name(me, request.name)
        elif which == "featured_id":
            await self._tags.unfeature_id(me, request.featured_id)
        else:
            raise FieldInvalid("name", "must not be blank", "ERR_BLANK")
        return pb.UnfeatureTagResponse()

    async def SuggestFeaturedTags(
        self, request: pb.SuggestFeaturedTagsRequest, context: Context
    ) -> pb.SuggestFeaturedTagsResponse:
        return pb.SuggestFeaturedTagsResponse(names=await self._tags.suggested(caller_id(READ)))


def _encoded(tag: FeaturedTag) -> pb.FeaturedTag:
    message = pb.FeaturedTag(featured_id=tag.featured_id, name=tag.name, statuses=tag.statuses)
    if tag.last_status_at is not None:
        message.last_status_time.FromDatetime(tag.last_status_at)
    return message
