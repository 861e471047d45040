"""What feed asks of others: an author's recent posts, and which keys verify a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from feed_service.models import Entry, Reason
from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery_common.rpc.client import RpcClient

POSTS_SECONDS: Final = 3.0
KEYS_SECONDS: Final = 2.0


class PostClient:
    """An author's posts, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post

    async def recent(self, author_id: int, most: int) -> Sequence[Entry]:
        """The newest that followers may see, as entries of a follower's timeline."""
        request = pb.ListAccountPostsRequest(account_id=author_id, page_size=most)
        response: pb.ListAccountPostsResponse = await self._post.call(
            "ListAccountPosts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        return [_entry(post) for post in response.posts if _is_for_followers(post)]


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


def _is_for_followers(post: post_pb2.Post) -> bool:
    """Said by post already; asked again, since nothing else stands between a direct post and a follower's timeline."""
    is_visible = post.state == post_pb2.PostState.POST_STATE_VISIBLE
    return is_visible and post.visibility != post_pb2.Visibility.VISIBILITY_DIRECT


def _entry(post: post_pb2.Post) -> Entry:
    return Entry(post.post_id, post.author_id, Reason.REBLOG if post.reblog_of_id else Reason.FOLLOWED_AUTHOR)
