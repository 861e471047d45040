"""What moderation asks of others: whether an account exists, whose a post is, which keys verify a token."""

from __future__ import annotations

from collections.abc import Sequence

from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.user.v1 import user_service_pb2 as user_pb
from rookery_common.auth import Identity
from rookery_common.rpc import Batcher, RpcClient

KEYS_SECONDS = 2.0
READ_SECONDS = 2.0


class UserClient:
    """Accounts, as far as reports need them. Raises AppError."""

    def __init__(self, user: RpcClient) -> None:
        self._user = user
        self._accounts: Batcher[user_pb.BatchGetAccountsEntry, user_pb.BatchGetAccountsResult] = Batcher(
            self._send, name="moderation.accounts"
        )

    async def exists(self, caller: Identity, account_id: int) -> bool:
        entry = user_pb.BatchGetAccountsEntry(accounts=[user_pb.AccountQuery(account_id=account_id)])
        return bool((await self._accounts(entry, timeout=READ_SECONDS, identity=caller)).accounts)

    async def _send(
        self, entries: list[user_pb.BatchGetAccountsEntry], timeout: float
    ) -> Sequence[user_pb.BatchGetAccountsResult]:
        request = user_pb.BatchGetAccountsRequest(entries=entries)
        response: user_pb.BatchGetAccountsResponse = await self._user.call(
            "BatchGetAccounts", request, timeout=timeout, identity=None
        )
        return response.results


class PostClient:
    """Whose posts are, as far as the caller may see them. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post
        self._posts: Batcher[post_pb.BatchGetPostsEntry, post_pb.BatchGetPostsResult] = Batcher(
            self._send, name="moderation.posts"
        )

    async def authors(self, caller: Identity, post_ids: Sequence[int]) -> dict[int, int]:
        """The author of each post by its id, without those that the caller does not see."""
        entry = post_pb.BatchGetPostsEntry(posts=[post_pb.PostQuery(post_id=post_id) for post_id in post_ids])
        result = await self._posts(entry, timeout=READ_SECONDS, identity=caller)
        return {view.post_id: view.author_id for view in result.posts}

    async def _send(
        self, entries: list[post_pb.BatchGetPostsEntry], timeout: float
    ) -> Sequence[post_pb.BatchGetPostsResult]:
        request = post_pb.BatchGetPostsRequest(entries=entries)
        response: post_pb.BatchGetPostsResponse = await self._post.call(
            "BatchGetPosts", request, timeout=timeout, identity=None
        )
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
