"""What notification asks of others: whose post a reblog shows, who shows a post again, which keys verify a token."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import engagement_service_pb2 as engagement_pb
from rookery.post.v1 import post_service_pb2 as pb
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceStub
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery_common.errors import NotFound
from rookery_common.rpc import Batcher, RpcClient

POSTS_SECONDS: Final = 3.0
KEYS_SECONDS: Final = 2.0
POSTS_PER_ENTRY: Final = 100
ENGAGED_PAGE: Final = 80


def post_stub(channel: Any) -> SimpleNamespace:
    """What is called of post's gRPC services, over one channel."""
    posts, engagement = PostServiceStub(channel), EngagementServiceStub(channel)
    return SimpleNamespace(BatchGetPosts=posts.BatchGetPosts, ListEngagedAccounts=engagement.ListEngagedAccounts)


class PostClient:
    """Authors of posts, and who reblogs them, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post
        self._authors: Batcher[pb.BatchGetPostsEntry, pb.BatchGetPostsResult] = Batcher(self._send, name="authors")

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        """Authors by post; of posts that not anyone may see nothing is said."""
        ids = sorted(post_ids)
        parts = [ids[first : first + POSTS_PER_ENTRY] for first in range(0, len(ids), POSTS_PER_ENTRY)]
        results = await asyncio.gather(*(self._ask(part) for part in parts))
        return {view.post_id: view.author_id for result in results for view in result.posts}

    async def rebloggers(self, post_id: int, after_id: int) -> tuple[Sequence[int], int]:
        """Some of those who reblog a post, and after whom to go on (0 at the end); none where not anyone may see it."""
        request = engagement_pb.ListEngagedAccountsRequest(
            post_id=post_id,
            kind=engagement_pb.EngagementKind.ENGAGEMENT_KIND_REBLOG,
            page_size=ENGAGED_PAGE,
            after_account_id=after_id,
        )
        try:
            response: engagement_pb.ListEngagedAccountsResponse = await self._post.call(
                "ListEngagedAccounts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
            )
        except NotFound:
            return (), 0
        return response.account_ids, response.reached_id

    async def _ask(self, post_ids: Sequence[int]) -> pb.BatchGetPostsResult:
        entry = pb.BatchGetPostsEntry(posts=[pb.PostQuery(post_id=post_id) for post_id in post_ids])
        return await self._authors(entry, timeout=POSTS_SECONDS, identity=None)

    async def _send(self, entries: list[pb.BatchGetPostsEntry], timeout: float) -> Sequence[pb.BatchGetPostsResult]:
        request = pb.BatchGetPostsRequest(entries=entries)
        response: pb.BatchGetPostsResponse = await self._post.call("BatchGetPosts", request, timeout=timeout)
        return response.results


class AuthClient:
    """The keys by which internal tokens are verified."""

    def __init__(self, auth: RpcClient) -> None:
        self._auth = auth

    async def signing_keys(self) -> str:
        """A JWKS document. Raises AppError."""
        request = auth_pb.GetSigningKeysRequest()
        response: auth_pb.GetSigningKeysResponse = await self._auth.call(
            "GetSigningKeys", request, timeout=KEYS_SECONDS, idempotent=True, identity=None
        )
        return response.jwks_json
