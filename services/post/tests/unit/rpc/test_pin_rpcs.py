"""Pins through real stubs, tokens and interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from post_service.models import MAX_PINS, Post
from rookery.post.v1 import pin_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens

Write = Callable[..., Awaitable[Post]]


async def test_what_is_pinned_is_listed_until_it_is_unpinned(
    pin_client: RpcClient, write: Write, tokens: Tokens
) -> None:
    post_id, alice = (await write()).post_id, tokens.identity(101)
    await pin_client.call("PinPost", pb.PinPostRequest(post_id=post_id), timeout=5, identity=alice)
    listed = await pin_client.call("ListPinnedPosts", pb.ListPinnedPostsRequest(account_id=101), timeout=5)
    assert list(listed.post_ids) == [post_id]
    await pin_client.call("UnpinPost", pb.UnpinPostRequest(post_id=post_id), timeout=5, identity=alice)
    listed = await pin_client.call("ListPinnedPosts", pb.ListPinnedPostsRequest(account_id=101), timeout=5)
    assert list(listed.post_ids) == []


@pytest.mark.parametrize("kind", [pb.PinPostRequest, pb.UnpinPostRequest])
async def test_pinning_needs_a_user_and_the_scope(
    pin_client: RpcClient, write: Write, tokens: Tokens, kind: type[Message]
) -> None:
    request, method = kind(post_id=(await write()).post_id), kind.DESCRIPTOR.name.removesuffix("Request")
    refused: list[tuple[Identity | None, Status]] = [
        (None, Status.UNAUTHENTICATED),
        (tokens.identity(0), Status.PERMISSION_DENIED),
        (tokens.identity(101, scopes=["read", "write:statuses"]), Status.PERMISSION_DENIED),
    ]
    for who, status in refused:
        with pytest.raises(AppError) as caught:
            await pin_client.call(method, request, timeout=5, identity=who)
        assert caught.value.status == status


async def test_one_pin_too_many_is_refused_with_its_reason(pin_client: RpcClient, write: Write, tokens: Tokens) -> None:
    alice = tokens.identity(101)
    for _ in range(MAX_PINS):
        await pin_client.call("PinPost", pb.PinPostRequest(post_id=(await write()).post_id), timeout=5, identity=alice)
    with pytest.raises(AppError) as caught:
        await pin_client.call("PinPost", pb.PinPostRequest(post_id=(await write()).post_id), timeout=5, identity=alice)
    assert (caught.value.status, caught.value.reason) == (Status.FAILED_PRECONDITION, "TOO_MANY_PINS")
