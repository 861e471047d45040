"""Decisions about replies through real stubs, tokens and interceptors."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.post.v1 import reply_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens


async def create(clients: dict[str, RpcClient], author: Identity, parent_id: int = 0) -> post_pb2.Post:
    request = post_pb.CreatePostRequest(text="x", visibility=post_pb2.VISIBILITY_PUBLIC, in_reply_to_id=parent_id)
    if not parent_id:
        request.reply_policy = post_pb2.REPLY_POLICY_FOLLOWERS
    answer: post_pb.CreatePostResponse = await clients["gateway"].call(
        "CreatePost", request, timeout=5, identity=author
    )
    return answer.post


async def test_authors_decide_about_replies(
    clients: dict[str, RpcClient], reply_client: RpcClient, tokens: Tokens
) -> None:
    alice, bob = tokens.identity(101), tokens.identity(102)
    first = await create(clients, alice)
    assert first.reply_policy == post_pb2.REPLY_POLICY_FOLLOWERS
    with pytest.raises(AppError) as caught:
        await create(clients, bob, first.post_id)
    assert (caught.value.status, caught.value.reason) == (Status.PERMISSION_DENIED, "REPLY_NOT_ALLOWED")
    request = pb.SetReplyPolicyRequest(post_id=first.post_id, reply_policy=post_pb2.REPLY_POLICY_EVERYONE)
    opened = (await reply_client.call("SetReplyPolicy", request, timeout=5, identity=alice)).post
    assert opened.reply_policy == post_pb2.REPLY_POLICY_UNSPECIFIED
    answer = await create(clients, bob, first.post_id)
    removal = pb.RemoveReplyRequest(post_id=first.post_id, reply_post_id=answer.post_id)
    await reply_client.call("RemoveReply", removal, timeout=5, identity=alice)
    blank = pb.SetReplyPolicyRequest(post_id=first.post_id)
    unknown = pb.SetReplyPolicyRequest.FromString(b"\x08\x01\x10\x09")
    refused: list[tuple[str, Message, Identity | None, Status]] = [
        ("SetReplyPolicy", request, bob, Status.NOT_FOUND),
        ("SetReplyPolicy", blank, alice, Status.INVALID_ARGUMENT),
        ("SetReplyPolicy", unknown, alice, Status.INVALID_ARGUMENT),
        ("RemoveReply", removal, bob, Status.PERMISSION_DENIED),
        ("RemoveReply", removal, None, Status.UNAUTHENTICATED),
    ]
    for method, message, who, status in refused:
        with pytest.raises(AppError) as caught:
            await reply_client.call(method, message, timeout=5, identity=who)
        assert caught.value.status == status
