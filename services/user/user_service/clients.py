"""What the user service asks of others."""

from __future__ import annotations

from collections.abc import Sequence

from rookery.auth.v1 import auth_service_pb2 as pb
from rookery.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from rookery.common.v1.erasure_service_pb2 import EraseAccountRequest, EraseAccountResponse
from rookery.common.v1.erasure_service_pb2_grpc import ErasureServiceStub
from rookery.post.v1.engagement_service_pb2 import BookmarkPostsForRequest, BookmarkPostsForResponse
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceStub
from rookery.post.v1.post_service_pb2 import ListAccountPostsRequest, ListAccountPostsResponse
from rookery.post.v1.post_service_pb2_grpc import PostServiceStub
from rookery_common.config import BaseServiceSettings
from rookery_common.erasure import Erased
from rookery_common.rpc import RpcClient
from user_service.models import PostFact
from user_service.post_facts import fact_of

KEYS_SECONDS = 2.0
BOOKMARK_SECONDS = 10.0
POSTS_SECONDS = 10.0
POSTS_AT_ONCE = 80


class AuthClient:
    """Component: the auth service, for its public keys."""

    def __init__(self, settings: BaseServiceSettings, target: str) -> None:
        self._rpc = RpcClient(settings, target, AuthServiceStub, service="auth")

    async def start(self) -> None:
        await self._rpc.start()

    async def stop(self) -> None:
        await self._rpc.stop()

    async def signing_keys(self) -> str:
        """The JWKS that verifies internal tokens."""
        request = pb.GetSigningKeysRequest()
        response: pb.GetSigningKeysResponse = await self._rpc.call(
            "GetSigningKeys", request, timeout=KEYS_SECONDS, idempotent=True, identity=None
        )
        return response.jwks_json


class ErasureClient:
    """Component and Eraser: another service, for what it keeps of deleted accounts."""

    def __init__(self, settings: BaseServiceSettings, target: str, service: str, seconds: float) -> None:
        self._rpc = RpcClient(settings, target, ErasureServiceStub, service=service)
        self._seconds = seconds

    async def start(self) -> None:
        await self._rpc.start()

    async def stop(self) -> None:
        await self._rpc.stop()

    async def erase(self, account_id: int) -> Erased:
        """Some of it. Raises AppError."""
        answer: EraseAccountResponse = await self._rpc.call(
            "EraseAccount", EraseAccountRequest(account_id=account_id), timeout=self._seconds, identity=None
        )
        return Erased(answer.done, answer.erased)


class PostClient:
    """Component: the post service, for bookmarks that people bring. Raises AppError."""

    def __init__(self, settings: BaseServiceSettings, target: str) -> None:
        self._rpc = RpcClient(settings, target, EngagementServiceStub, service="post")

    async def start(self) -> None:
        await self._rpc.start()

    async def stop(self) -> None:
        await self._rpc.stop()

    async def bookmark(self, account_id: int, post_ids: Sequence[int]) -> frozenset[int]:
        """Those of the posts that the account has bookmarked now; at most 100 of them."""
        request = BookmarkPostsForRequest(account_id=account_id, post_ids=post_ids)
        answer: BookmarkPostsForResponse = await self._rpc.call(
            "BookmarkPostsFor", request, timeout=BOOKMARK_SECONDS, idempotent=True, identity=None
        )
        return frozenset(answer.post_ids)


class PostArchive:
    """Component: the post service, for all that an author has posted. Raises AppError."""

    def __init__(self, settings: BaseServiceSettings, target: str) -> None:
        self._rpc = RpcClient(settings, target, PostServiceStub, service="post")

    async def start(self) -> None:
        await self._rpc.start()

    async def stop(self) -> None:
        await self._rpc.stop()

    async def posts_of(self, account_id: int, below: int) -> tuple[list[PostFact], int]:
        """Those of a page that anyone may see, newest first, and where the next begins (0 at the end)."""
        request = ListAccountPostsRequest(account_id=account_id, page_size=POSTS_AT_ONCE, max_id=below)
        answer: ListAccountPostsResponse = await self._rpc.call(
            "ListAccountPosts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        return [fact_of(post) for post in answer.posts], answer.reached_id
