"""What feed asks of others: recent posts, what was done with posts, all follows, and which keys verify a token."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from feed_service.follow_models import Follow
from feed_service.models import Entry, Found, PostFacts, Reason, Span
from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery.user.v1 import events_pb2 as user_events
from rookery.user.v1 import snapshot_service_pb2 as snapshot_pb
from rookery_common.auth import Identity
from rookery_common.errors import NotOffered
from rookery_common.rpc.batching import Batcher
from rookery_common.rpc.client import RpcClient

POSTS_SECONDS: Final = 3.0
KEYS_SECONDS: Final = 2.0
PAGE_SECONDS: Final = 10.0
POSTS_PER_ENTRY: Final = 100
# Whose recent posts are asked for by one call.
AUTHORS_AT_ONCE: Final = 50
# Posts of which it is known what they are, so that they are not sent again.
MOST_KNOWN: Final = 50_000


class PostClient:
    """An author's posts, asked for with no user behind the call. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post

    async def recent(self, author_ids: Sequence[int], most: int) -> dict[int, Sequence[Entry]]:
        """The newest of each that followers may see, as entries of a follower's timeline; nothing of who has none."""
        parts = [author_ids[first : first + AUTHORS_AT_ONCE] for first in range(0, len(author_ids), AUTHORS_AT_ONCE)]
        try:
            found = [await self._recent(part, most) for part in parts]
        except NotOffered:  # By a post that is one release older.
            found = [await self._recent_of_one(author_id, most) for author_id in author_ids]
        return {author_id: entries for part in found for author_id, entries in part.items()}

    async def _recent(self, author_ids: Sequence[int], most: int) -> dict[int, Sequence[Entry]]:
        request = pb.ListRecentPostsRequest(author_ids=author_ids, page_size=most)
        response: pb.ListRecentPostsResponse = await self._post.call(
            "ListRecentPosts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        found: dict[int, list[Entry]] = {}
        for post_id, author_id, is_reblog in zip(
            response.post_ids, response.author_ids, response.are_reblogs, strict=True
        ):
            entry = Entry(post_id, author_id, _reason(0, author_id, is_reblog))
            found.setdefault(author_id, []).append(entry)
        return {**found}

    async def _recent_of_one(self, author_id: int, most: int) -> dict[int, Sequence[Entry]]:
        request = pb.ListAccountPostsRequest(account_id=author_id, page_size=most)
        response: pb.ListAccountPostsResponse = await self._post.call(
            "ListAccountPosts", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        return {author_id: [_entry(post) for post in response.posts if _is_for_followers(post)]}

    async def posts_of(self, reader_id: int, author_ids: Sequence[int], span: Span, most: int) -> Found:
        """The first that the home of a follower of all of them has of a span, in its direction."""
        request = pb.ListPostsOfAuthorsRequest(
            author_ids=author_ids,
            reader_id=reader_id,
            page_size=most,
            max_id=span.below,
            min_id=span.above,
            upwards=span.upwards,
        )
        response: pb.ListPostsOfAuthorsResponse = await self._post.call(
            "ListPostsOfAuthors", request, timeout=POSTS_SECONDS, idempotent=True, identity=None
        )
        rows = zip(response.post_ids, response.author_ids, response.are_reblogs, strict=True)
        return Found([Entry(*row[:2], _reason(reader_id, *row[1:])) for row in rows], response.reached_id)


class UserClient:
    """All follows, asked for with no user behind the call. Raises AppError."""

    def __init__(self, snapshots: RpcClient) -> None:
        self._snapshots = snapshots

    async def follows(self, token: str) -> tuple[Sequence[Follow], str]:
        """A page of them by their readers, ended ones too, and the next page's token (empty on the last)."""
        request = snapshot_pb.ListFollowsRequest(page_token=token)
        response: snapshot_pb.ListFollowsResponse = await self._snapshots.call(
            "ListFollows", request, timeout=PAGE_SECONDS, idempotent=True, identity=None
        )
        return [follow_of(follow) for follow in response.follows], response.next_page_token


class FactsClient:
    """What was done with posts, asked for as the viewer. Raises AppError."""

    def __init__(self, post: RpcClient) -> None:
        self._post = post
        self._batcher: Batcher[pb.BatchGetPostsEntry, pb.BatchGetPostsResult] = Batcher(self._send, name="facts")
        # The version of a post, and the post that it shows.
        self._known: OrderedDict[int, tuple[int, int]] = OrderedDict()

    async def facts(self, viewer: Identity | None, post_ids: Sequence[int]) -> dict[int, PostFacts]:
        """Of those posts that the viewer may see; a reblog's are those of the post that it shows."""
        views = await self._views(viewer, post_ids)
        originals = {post_id: self._original(view) for post_id, view in views.items()}
        views |= await self._views(viewer, sorted(set(originals.values()) - views.keys()))
        return {post_id: _facts(views[shown]) for post_id, shown in originals.items() if shown in views}

    async def _views(self, viewer: Identity | None, post_ids: Sequence[int]) -> dict[int, pb.PostView]:
        queries = [
            pb.PostQuery(post_id=post_id, known_version=self._known.get(post_id, (0, 0))[0]) for post_id in post_ids
        ]
        parts = (queries[first : first + POSTS_PER_ENTRY] for first in range(0, len(queries), POSTS_PER_ENTRY))
        asked = (
            self._batcher(pb.BatchGetPostsEntry(posts=part), timeout=POSTS_SECONDS, identity=viewer) for part in parts
        )
        return {view.post_id: view for result in await asyncio.gather(*asked) for view in result.posts}

    def _original(self, view: pb.PostView) -> int:
        if view.HasField("post"):
            self._known[view.post_id] = (view.version, view.post.reblog_of_id or view.post_id)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return self._known.get(view.post_id, (0, view.post_id))[1]

    async def _send(self, entries: list[pb.BatchGetPostsEntry], timeout: float) -> Sequence[pb.BatchGetPostsResult]:
        request = pb.BatchGetPostsRequest(entries=entries)
        response: pb.BatchGetPostsResponse = await self._post.call(
            "BatchGetPosts", request, timeout=timeout, idempotent=True, identity=None
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


def follow_of(follow: user_events.Follow) -> Follow:
    """What user tells of a follow, in an event or in a snapshot."""
    return Follow(
        reader_id=follow.follower_id,
        author_id=follow.followee_id,
        active=follow.active,
        reblogs=follow.reblogs,
        version=follow.version,
    )


def _is_for_followers(post: post_pb2.Post) -> bool:
    """Said by post already; asked again, since nothing else stands between a direct post and a follower's timeline."""
    is_visible = post.state == post_pb2.PostState.POST_STATE_VISIBLE
    return is_visible and post.visibility != post_pb2.Visibility.VISIBILITY_DIRECT


def _reason(reader_id: int, author_id: int, is_reblog: bool) -> Reason:
    if author_id == reader_id:
        return Reason.OWN_POST
    return Reason.REBLOG if is_reblog else Reason.FOLLOWED_AUTHOR


def _entry(post: post_pb2.Post) -> Entry:
    return Entry(post.post_id, post.author_id, Reason.REBLOG if post.reblog_of_id else Reason.FOLLOWED_AUTHOR)


def _facts(view: pb.PostView) -> PostFacts:
    counts, marks = view.counts, view.marks
    return PostFacts(
        original_id=view.post_id,
        replies=counts.replies,
        reblogs=counts.reblogs,
        favourites=counts.favourites,
        is_marked=marks.favourited or marks.reblogged or marks.bookmarked,
    )
