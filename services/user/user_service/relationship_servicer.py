"""RelationshipService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import grpc

from rookery.user.v1 import account_pb2
from rookery.user.v1 import relationship_service_pb2 as pb
from rookery.user.v1.relationship_service_pb2_grpc import RelationshipServiceServicer
from rookery_common.auth import current_identity, require_identity
from rookery_common.errors import Unauthenticated
from user_service.errors import FieldInvalid
from user_service.relationships.listing import RelationshipLists
from user_service.relationships.models import FLAGS, Relationship
from user_service.relationships.service import Relationships

SERVICE_NAME = "rookery.user.v1.RelationshipService"
ALLOWED_CALLERS = {
    name: frozenset({"gateway"})
    for name in (
        "BlockAccount", "UnblockAccount", "MuteAccount", "UnmuteAccount", "RemoveFollower", "AuthorizeFollowRequest",
        "RejectFollowRequest", "SetAccountNote", "EndorseAccount", "UnendorseAccount", "ListEndorsements",
        "ListFamiliarFollowers", "ListBlocks", "ListMutes", "ListFollowRequests",
    )
}  # fmt: skip
READ_BLOCKS, READ_MUTES, READ_FOLLOWS = "read:blocks", "read:mutes", "read:follows"
WRITE_ACCOUNTS = "write:accounts"
WRITE_BLOCKS, WRITE_MUTES, WRITE_FOLLOWS = "write:blocks", "write:mutes", "write:follows"
Context = grpc.aio.ServicerContext[Any, Any]
_BITS = [1 << account_pb2.Relationship.DESCRIPTOR.fields_by_name[name].number for name in FLAGS]


class RelationshipServicer(RelationshipServiceServicer):
    """The RPCs of blocks, mutes and requests to follow."""

    def __init__(self, relationships: Relationships, lists: RelationshipLists) -> None:
        self._relationships = relationships
        self._lists = lists

    async def BlockAccount(self, request: pb.BlockAccountRequest, context: Context) -> pb.BlockAccountResponse:
        done = self._relationships.block(caller_id(WRITE_BLOCKS), request.account_id)
        return pb.BlockAccountResponse(relationship=await _told(done))

    async def UnblockAccount(self, request: pb.UnblockAccountRequest, context: Context) -> pb.UnblockAccountResponse:
        done = self._relationships.unblock(caller_id(WRITE_BLOCKS), request.account_id)
        return pb.UnblockAccountResponse(relationship=await _told(done))

    async def MuteAccount(self, request: pb.MuteAccountRequest, context: Context) -> pb.MuteAccountResponse:
        notifications = request.notifications if request.HasField("notifications") else True
        done = self._relationships.mute(
            caller_id(WRITE_MUTES), request.account_id, notifications=notifications, duration=_duration(request)
        )
        return pb.MuteAccountResponse(relationship=await _told(done))

    async def UnmuteAccount(self, request: pb.UnmuteAccountRequest, context: Context) -> pb.UnmuteAccountResponse:
        done = self._relationships.unmute(caller_id(WRITE_MUTES), request.account_id)
        return pb.UnmuteAccountResponse(relationship=await _told(done))

    async def RemoveFollower(self, request: pb.RemoveFollowerRequest, context: Context) -> pb.RemoveFollowerResponse:
        done = self._relationships.remove_follower(caller_id(WRITE_FOLLOWS), request.account_id)
        return pb.RemoveFollowerResponse(relationship=await _told(done))

    async def AuthorizeFollowRequest(
        self, request: pb.AuthorizeFollowRequestRequest, context: Context
    ) -> pb.AuthorizeFollowRequestResponse:
        done = self._relationships.authorize(caller_id(WRITE_FOLLOWS), request.account_id)
        return pb.AuthorizeFollowRequestResponse(relationship=await _told(done))

    async def RejectFollowRequest(
        self, request: pb.RejectFollowRequestRequest, context: Context
    ) -> pb.RejectFollowRequestResponse:
        done = self._relationships.reject(caller_id(WRITE_FOLLOWS), request.account_id)
        return pb.RejectFollowRequestResponse(relationship=await _told(done))

    async def SetAccountNote(self, request: pb.SetAccountNoteRequest, context: Context) -> pb.SetAccountNoteResponse:
        done = self._relationships.note(caller_id(WRITE_ACCOUNTS), request.account_id, request.comment)
        return pb.SetAccountNoteResponse(relationship=await _told(done))

    async def EndorseAccount(self, request: pb.EndorseAccountRequest, context: Context) -> pb.EndorseAccountResponse:
        done = self._relationships.endorse(caller_id(WRITE_ACCOUNTS), request.account_id)
        return pb.EndorseAccountResponse(relationship=await _told(done))

    async def UnendorseAccount(
        self, request: pb.UnendorseAccountRequest, context: Context
    ) -> pb.UnendorseAccountResponse:
        done = self._relationships.unendorse(caller_id(WRITE_ACCOUNTS), request.account_id)
        return pb.UnendorseAccountResponse(relationship=await _told(done))

    async def ListEndorsements(
        self, request: pb.ListEndorsementsRequest, context: Context
    ) -> pb.ListEndorsementsResponse:
        identity = current_identity()
        viewer = identity.account_id if identity else 0
        page = (request.page_size, request.page_token)
        ids, token = await self._lists.endorsements(viewer, request.account_id, *page)
        return pb.ListEndorsementsResponse(account_ids=ids, next_page_token=token)

    async def ListFamiliarFollowers(
        self, request: pb.ListFamiliarFollowersRequest, context: Context
    ) -> pb.ListFamiliarFollowersResponse:
        response = pb.ListFamiliarFollowersResponse()
        for account_id, followers in await self._lists.familiar(caller_id(READ_FOLLOWS), request.account_ids):
            response.results.add(account_id=account_id, follower_ids=followers)
        return response

    async def ListBlocks(self, request: pb.ListBlocksRequest, context: Context) -> pb.ListBlocksResponse:
        ids, token = await self._lists.blocks(caller_id(READ_BLOCKS), request.page_size, request.page_token)
        return pb.ListBlocksResponse(account_ids=ids, next_page_token=token)

    async def ListMutes(self, request: pb.ListMutesRequest, context: Context) -> pb.ListMutesResponse:
        muted, token = await self._lists.mutes(caller_id(READ_MUTES), request.page_size, request.page_token)
        response = pb.ListMutesResponse(next_page_token=token)
        for each in muted:
            account = response.accounts.add(account_id=each.account_id)
            if each.expires_at is not None:
                account.expire_time.FromDatetime(each.expires_at)
        return response

    async def ListFollowRequests(
        self, request: pb.ListFollowRequestsRequest, context: Context
    ) -> pb.ListFollowRequestsResponse:
        ids, token = await self._lists.requests(caller_id(READ_FOLLOWS), request.page_size, request.page_token)
        return pb.ListFollowRequestsResponse(account_ids=ids, next_page_token=token)


def caller_id(scope: str) -> int:
    """The account that acts. An application's own token has none."""
    identity = require_identity(scope)
    if not identity.account_id:
        raise Unauthenticated("this needs a user's token")
    return identity.account_id


@lru_cache(maxsize=1 << len(FLAGS))
def sent_flags(flags: int) -> int:
    """A relationship's flags as they are sent: bit n is field n of the message."""
    return sum(bit for n, bit in enumerate(_BITS) if flags >> n & 1)


def relationship_message(relationship: Relationship) -> account_pb2.Relationship:
    """A relationship as it is sent."""
    return account_pb2.Relationship(
        account_id=relationship.account_id,
        following=relationship.following,
        showing_reblogs=relationship.showing_reblogs,
        notifying=relationship.notifying,
        languages=relationship.languages,
        followed_by=relationship.followed_by,
        blocking=relationship.blocking,
        blocked_by=relationship.blocked_by,
        muting=relationship.muting,
        muting_notifications=relationship.muting_notifications,
        requested=relationship.requested,
        requested_by=relationship.requested_by,
        exclusively_listed=relationship.exclusively_listed,
        endorsed=relationship.endorsed,
        note=relationship.note,
    )


async def _told(done: Awaitable[Relationship]) -> account_pb2.Relationship:
    return relationship_message(await done)


def _duration(request: pb.MuteAccountRequest) -> timedelta | None:
    """Raises FieldInvalid for one that no time can hold."""
    if not request.HasField("duration"):
        return None
    try:
        return timedelta(seconds=request.duration.seconds, microseconds=request.duration.nanos // 1000)
    except OverflowError:
        raise FieldInvalid("duration", "is too long") from None
