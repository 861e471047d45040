"""ReplyService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.service.replies import Replies
from post_service.servicer import reply_policy
from rookery.post.v1 import reply_service_pb2 as pb
from rookery.post.v1.reply_service_pb2_grpc import ReplyServiceServicer

SERVICE_NAME: Final = "rookery.post.v1.ReplyService"
WRITE: Final = "write:statuses"
Context = grpc.aio.ServicerContext[Any, Any]


class ReplyServicer(ReplyServiceServicer):
    """One method for each RPC."""

    def __init__(self, replies: Replies, codec: PostCodec) -> None:
        self._replies = replies
        self._codec = codec

    async def SetReplyPolicy(self, request: pb.SetReplyPolicyRequest, context: Context) -> pb.SetReplyPolicyResponse:
        author, policy = require_user(WRITE), reply_policy(request.reply_policy)
        if policy is None:
            raise InvalidField("reply_policy", "ERR_BLANK", "can't be blank")
        post = await self._replies.set_policy(author, request.post_id, policy)
        return pb.SetReplyPolicyResponse(post=self._codec.post(post))

    async def RemoveReply(self, request: pb.RemoveReplyRequest, context: Context) -> pb.RemoveReplyResponse:
        author = require_user(WRITE)
        await self._replies.remove(author, request.post_id, request.reply_post_id)
        return pb.RemoveReplyResponse()
