"""Favourites, bookmarks, reblogs, deletion and threads through real stubs, tokens and interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from post_service.models import Post
from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery_common.auth import Identity, with_identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Tokens

Clients = dict[str, RpcClient]
Write = Callable[..., Awaitable[Post]]
SCOPES = {
    pb.FavouritePostRequest: "write:favourites",
    pb.UnfavouritePostRequest: "write:favourites",
    pb.BookmarkPostRequest: "write:bookmarks",
    pb.UnbookmarkPostRequest: "write:bookmarks",
    pb.ReblogPostRequest: "write:statuses",
    pb.UnreblogPostRequest: "write:statuses",
    pb.DeletePostRequest: "write:statuses",
}


async def call(clients: Clients, who: Identity | None, request: Message) -> Any:
    method = request.DESCRIPTOR.name.removesuffix("Request")
    return await clients["gateway"].call(method, request, timeout=5, identity=who)


async def view(clients: Clients, who: Identity, post_id: int) -> pb.PostView:
    entry = pb.BatchGetPostsEntry(
        context=EntryContext(token=who.token, timeout_ms=5000), posts=[pb.PostQuery(post_id=post_id)]
    )
    batch = await clients["gateway"].call("BatchGetPosts", pb.BatchGetPostsRequest(entries=[entry]), timeout=5)
    (found,) = batch.results[0].posts
    return found  # type: ignore[no-any-return] # the client is untyped


async def test_what_one_does_with_a_post_is_in_its_view(clients: Clients, write: Write, tokens: Tokens) -> None:
    post_id, bob = (await write()).post_id, tokens.identity(102)
    assert (await view(clients, bob, post_id)).marks == post_pb2.PostMarks()
    await call(clients, bob, pb.FavouritePostRequest(post_id=post_id))
    await call(clients, bob, pb.BookmarkPostRequest(post_id=post_id))
    reblog = (await call(clients, bob, pb.ReblogPostRequest(post_id=post_id))).post
    assert (reblog.reblog_of_id, reblog.visibility) == (post_id, post_pb2.VISIBILITY_PUBLIC)
    seen = await view(clients, bob, post_id)
    assert seen.marks == post_pb2.PostMarks(favourited=True, reblogged=True, bookmarked=True)
    assert seen.counts == post_pb2.PostCounts(favourites=1, reblogs=1)
    for request in (pb.UnfavouritePostRequest, pb.UnbookmarkPostRequest, pb.UnreblogPostRequest):
        await call(clients, bob, request(post_id=post_id))
    seen = await view(clients, bob, post_id)
    assert (seen.marks, seen.counts) == (post_pb2.PostMarks(), post_pb2.PostCounts())


async def test_a_thread_is_read_and_a_post_deleted(clients: Clients, write: Write, tokens: Tokens) -> None:
    root, alice = await write(), tokens.identity(101)
    reply = await write(in_reply_to_id=root.post_id)
    thread = await call(clients, None, pb.GetThreadRequest(post_id=root.post_id, max_descendants=9))
    assert (list(thread.ancestor_ids), list(thread.descendant_ids)) == ([], [reply.post_id])
    deleted = (await call(clients, alice, pb.DeletePostRequest(post_id=reply.post_id))).post
    assert (deleted.post_id, deleted.text) == (reply.post_id, reply.text)
    assert not (await call(clients, alice, pb.GetThreadRequest(post_id=root.post_id))).descendant_ids
    for gone in (pb.GetThreadRequest(post_id=reply.post_id), pb.FavouritePostRequest(post_id=reply.post_id)):
        with pytest.raises(AppError) as caught:
            await call(clients, alice, gone)
        assert (caught.value.status, caught.value.reason) == (Status.NOT_FOUND, "POST_NOT_FOUND")


@pytest.mark.parametrize("kind", list(SCOPES))
async def test_acting_needs_a_user_and_the_scope(
    clients: Clients, write: Write, tokens: Tokens, kind: type[Message]
) -> None:
    request = kind(post_id=(await write()).post_id)
    for who, status in (
        (None, Status.UNAUTHENTICATED),
        (tokens.identity(0, scopes=["write"]), Status.PERMISSION_DENIED),
        (tokens.identity(101, scopes=["read", "write:media"]), Status.PERMISSION_DENIED),
    ):
        with pytest.raises(AppError) as caught:
            await call(clients, who, request)
        assert caught.value.status == status
    await call(clients, tokens.identity(101, scopes=[SCOPES[kind]]), request)


async def test_a_visibility_that_is_none_is_named(clients: Clients, write: Write, tokens: Tokens) -> None:
    request = pb.ReblogPostRequest(post_id=(await write()).post_id, visibility=post_pb2.VISIBILITY_DIRECT)
    with with_identity(tokens.identity(102)), pytest.raises(AppError) as caught:
        await clients["gateway"].call("ReblogPost", request, timeout=5)
    assert [field.field for field in caught.value.fields] == ["visibility"]
