"""Quotes through real stubs, tokens and interceptors."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from rookery.common.v1.entry_context_pb2 import EntryContext
from rookery.post.v1 import edit_service_pb2 as edit_pb
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.post.v1 import quote_service_pb2 as pb
from rookery.post.v1.quote_service_pb2_grpc import QuoteServiceStub
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Status
from rookery_common.rpc.client import RpcClient
from rookery_common.rpc.server import RpcServer
from rookery_common.testing.rpc import Network, Tokens, settings_of


async def create(clients: dict[str, RpcClient], author: Identity, quoted_id: int = 0) -> post_pb2.Post:
    request = post_pb.CreatePostRequest(text="x", visibility=post_pb2.VISIBILITY_PUBLIC, quoted_id=quoted_id)
    answer: post_pb.CreatePostResponse = await clients["gateway"].call(
        "CreatePost", request, timeout=5, identity=author
    )
    return answer.post


async def test_quotes_are_made_and_listed(
    clients: dict[str, RpcClient], quote_client: RpcClient, server: RpcServer, network: Network, tokens: Tokens
) -> None:
    alice, bob = tokens.identity(101), tokens.identity(102)
    quoted = await create(clients, alice)
    assert quoted.quote_policy == post_pb2.QUOTE_POLICY_PUBLIC
    quoting = await create(clients, bob, quoted.post_id)
    accepted = post_pb2.QUOTE_STATE_ACCEPTED
    assert quoting.quote == post_pb2.Quote(post_id=quoted.post_id, author_id=101, state=accepted)
    queries = [post_pb.PostQuery(post_id=post.post_id) for post in (quoted, quoting)]
    entry = post_pb.BatchGetPostsEntry(context=EntryContext(token=bob.token, timeout_ms=5_000), posts=queries)
    answer = await clients["gateway"].call("BatchGetPosts", post_pb.BatchGetPostsRequest(entries=[entry]), timeout=5)
    views = answer.results[0].posts
    assert [view.counts.quotes for view in views] == [1, 0]
    assert views[1].quote_state == accepted
    request = pb.ListQuotesRequest(post_id=quoted.post_id)
    expected = [pb.QuotingPost(post_id=quoting.post_id, author_id=102)]
    assert list((await quote_client.call("ListQuotes", request, timeout=5, identity=alice)).quotes) == expected
    notification = await network.client(
        server.port, QuoteServiceStub, service="post", settings=settings_of("notification")
    )
    assert list((await notification.call("ListQuotes", request, timeout=5)).quotes) == expected


async def test_authors_decide_about_quotes(
    clients: dict[str, RpcClient], quote_client: RpcClient, edit_client: RpcClient, tokens: Tokens
) -> None:
    alice, bob = tokens.identity(101), tokens.identity(102)
    quoted = await create(clients, alice)
    quoting = await create(clients, bob, quoted.post_id)
    revoke = pb.RevokeQuoteRequest(post_id=quoted.post_id, quoting_post_id=quoting.post_id)
    revoked = (await quote_client.call("RevokeQuote", revoke, timeout=5, identity=alice)).post
    assert revoked.quote.state == post_pb2.QUOTE_STATE_REVOKED
    change = pb.SetQuotePolicyRequest(post_id=quoted.post_id, quote_policy=post_pb2.QUOTE_POLICY_NOBODY)
    closed = (await quote_client.call("SetQuotePolicy", change, timeout=5, identity=alice)).post
    assert closed.quote_policy == post_pb2.QUOTE_POLICY_UNSPECIFIED
    followers = post_pb2.QUOTE_POLICY_FOLLOWERS
    edit = edit_pb.EditPostRequest(post_id=quoted.post_id, text="x", quote_policy=followers)
    assert (await edit_client.call("EditPost", edit, timeout=5, identity=alice)).post.quote_policy == followers


async def test_quotes_are_refused_with_status_and_reason(
    clients: dict[str, RpcClient], quote_client: RpcClient, tokens: Tokens
) -> None:
    alice, bob = tokens.identity(101), tokens.identity(102)
    quoted = await create(clients, alice)
    quoting = await create(clients, bob, quoted.post_id)
    revoke = pb.RevokeQuoteRequest(post_id=quoted.post_id, quoting_post_id=quoting.post_id)
    blank, unknown = pb.SetQuotePolicyRequest(post_id=1), pb.SetQuotePolicyRequest.FromString(b"\x08\x01\x10\x09")
    refused: list[tuple[str, Message, Identity | None, Status, str]] = [
        ("RevokeQuote", revoke, bob, Status.PERMISSION_DENIED, "NOT_OWN_POST"),
        ("RevokeQuote", revoke, None, Status.UNAUTHENTICATED, ""),
        ("ListQuotes", pb.ListQuotesRequest(post_id=12345), bob, Status.NOT_FOUND, "POST_NOT_FOUND"),
        ("SetQuotePolicy", blank, alice, Status.INVALID_ARGUMENT, "INVALID_FIELD"),
        ("SetQuotePolicy", unknown, alice, Status.INVALID_ARGUMENT, "INVALID_FIELD"),
    ]
    for method, request, who, status, reason in refused:
        with pytest.raises(AppError) as caught:
            await quote_client.call(method, request, timeout=5, identity=who)
        assert caught.value.status == status
        assert reason in ("", caught.value.reason)
    with pytest.raises(AppError) as caught:
        await create(clients, bob, 12345)
    assert (caught.value.status, caught.value.reason) == (Status.NOT_FOUND, "QUOTE_NOT_FOUND")
