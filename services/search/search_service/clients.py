"""What search asks of others: everything they own, for a rebuild; whom a caller follows; which keys verify a token."""

from __future__ import annotations

from typing import Final

from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import post_service_pb2 as post_pb
from rookery.user.v1 import user_service_pb2 as user_pb
from rookery_common.auth import Identity
from rookery_common.rpc.client import RpcClient
from search_service.documents import account_document, post_document
from search_service.models import Document

KEYS_SECONDS: Final = 2.0
FOLLOWS_SECONDS: Final = 1.0
PAGE_SECONDS: Final = 10.0
ACCOUNTS_PAGE: Final = 200
PAGE: Final = 80


class UserClient:
    """Accounts and follows. Raises AppError."""

    def __init__(self, user: RpcClient) -> None:
        self._user = user

    async def accounts(self, token: str) -> tuple[list[Document], str]:
        """A page of all accounts, in the order of their ids, and the next page's token (empty on the last)."""
        request = user_pb.ListAccountsRequest(page_size=ACCOUNTS_PAGE, page_token=token)
        response: user_pb.ListAccountsResponse = await self._user.call(
            "ListAccounts", request, timeout=PAGE_SECONDS, idempotent=True, identity=None
        )
        return [account_document(account) for account in response.accounts], response.next_page_token

    async def followed_by(self, viewer: Identity, most: int) -> list[int]:
        """Whom the viewer follows: at most so many, those followed last."""
        found: list[int] = []
        token = ""
        while len(found) < most:
            request = user_pb.ListFollowingRequest(account_id=viewer.account_id, page_size=PAGE, page_token=token)
            response: user_pb.ListFollowingResponse = await self._user.call(
                "ListFollowing", request, timeout=FOLLOWS_SECONDS, idempotent=True, identity=viewer
            )
            found += response.account_ids
            token = response.next_page_token
            if not token:
                break
        return found[:most]


class PostClient:
    """Posts, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post

    async def posts_of(self, account_id: int, below: int) -> tuple[list[Document], int]:
        """A page of an author's posts that somebody may see, newest first, and where the next begins (0 at the end)."""
        request = post_pb.ListAccountPostsRequest(account_id=account_id, page_size=PAGE, max_id=below)
        response: post_pb.ListAccountPostsResponse = await self._post.call(
            "ListAccountPosts", request, timeout=PAGE_SECONDS, idempotent=True, identity=None
        )
        found = [document for post in response.posts if (document := post_document(post)) is not None]
        return found, response.reached_id


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
