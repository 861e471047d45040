"""What notification asks of others: whose post a reblog shows, and which keys verify a token."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import post_service_pb2 as pb
from rookery_common.rpc import Batcher, RpcClient

POSTS_SECONDS: Final = 3.0
KEYS_SECONDS: Final = 2.0
POSTS_PER_ENTRY: Final = 100


class PostClient:
    """Authors of posts, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post
        self._authors: Batcher[pb.BatchGetPostsEntry, pb.BatchGetPostsResult] = Batcher(self._send, name="authors")

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        """Authors by post; of posts that not anyone may see nothing is said."""
        ids = sorted(post_ids)
        parts = [ids[first : first + POSTS_PER_ENTRY] for first in range(0, len(ids), POSTS_PER_ENTRY)]
        results = await asyncio.gather(*(self._ask(part) for part in parts))
        return {view.post_id: view.author_id for result in results for view in result.posts}

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
