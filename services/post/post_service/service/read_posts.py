"""Reads posts for viewers: by the cache first, and only what each of them may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from post_service import metrics
from post_service.clients import UserClient
from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.models import MAX_POSTS_PER_QUERY, CountedPost, PostCounts, PostQuery, PostView, SealedPost
from post_service.repository.cache import PostCache
from post_service.repository.posts import PostRepository
from post_service.service.visibility import depends_on_follow, may_see
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

log = get_logger()


@dataclass(frozen=True, slots=True)
class ViewerQuery:
    """Posts that one viewer asks for; no identity for nobody signed in."""

    identity: Identity | None
    posts: Sequence[PostQuery]


class PostReader:
    """Finds posts and their counts, and decides who may see them."""

    def __init__(
        self, posts: PostRepository, cache: PostCache, codec: PostCodec, users: UserClient, versions: HybridClock
    ) -> None:
        self._posts = posts
        self._cache = cache
        self._codec = codec
        self._users = users
        self._versions = versions

    async def batch_get(self, queries: Sequence[ViewerQuery]) -> list[list[PostView] | AppError]:
        """For each of the queries the posts that its viewer may see, in the order asked for; all are read together."""
        wanted = {post.post_id for query in queries for post in query.posts if len(query.posts) <= MAX_POSTS_PER_QUERY}
        found = await self._load(wanted)
        return await asyncio.gather(*(self._answer(query, found) for query in queries))

    async def visible(self, identity: Identity | None, post_ids: Iterable[int]) -> dict[int, SealedPost]:
        """The posts that the viewer may see, by id."""
        found = await self.load_posts(post_ids)
        viewer = viewer_of(identity)
        following = await self._following(identity, found.values())
        return {post_id: post for post_id, post in found.items() if may_see(viewer, post, following)}

    async def load_posts(self, post_ids: Iterable[int]) -> dict[int, SealedPost]:
        """Posts by id, whoever may see them."""
        return {post_id: counted.post for post_id, counted in (await self._load(post_ids)).items()}

    async def refresh_counts(self, post_id: int) -> None:
        """After a write that counts: the next reader sees it."""
        stamp = self._versions.next()
        try:
            replies = await self._posts.count_replies([post_id])
        except (Unavailable, DeadlineExceeded) as error:
            # What was written stands, and must not be reported as failed; the cached count is old for an hour at most.
            log.warning("post.counts_not_refreshed", post_id=post_id, reason=error.reason)
            return
        await self._cache.put_counts(post_id, PostCounts(replies=replies[post_id]), stamp)

    async def _answer(self, query: ViewerQuery, found: Mapping[int, CountedPost]) -> list[PostView] | AppError:
        if len(query.posts) > MAX_POSTS_PER_QUERY:
            return InvalidField("posts", "ERR_TOO_MANY", f"must be at most {MAX_POSTS_PER_QUERY}")
        viewer = viewer_of(query.identity)
        asked = [(*found[post_id], known) for post_id, known in query.posts if post_id in found]
        following = await self._following(query.identity, [post for post, _, _ in asked])
        return [
            PostView(post, counts, known == post.version)
            for post, counts, known in asked
            if may_see(viewer, post, following)
        ]

    async def _following(self, identity: Identity | None, posts: Iterable[SealedPost]) -> frozenset[int]:
        """The authors that decide about some of the posts, as far as the viewer follows them.

        While user is away nobody is known to follow: such posts are left out, the others are shown.
        """
        viewer = viewer_of(identity)
        if identity is None or viewer == 0:
            return frozenset()
        authors = {post.author_id for post in posts if depends_on_follow(viewer, post)}
        if not authors:
            return frozenset()
        try:
            return await self._users.followed_by(identity, sorted(authors))
        except (Unavailable, DeadlineExceeded) as error:
            metrics.HIDDEN_UNCHECKED.inc(len(authors))
            log.warning("post.follows_unknown", reason=error.reason, authors=len(authors))
            return frozenset()

    async def _load(self, post_ids: Iterable[int]) -> dict[int, CountedPost]:
        ids = [post_id for post_id in dict.fromkeys(post_ids) if post_id > 0]
        found = await self._cache.get_many(ids)
        if len(found) < len(ids):
            found |= await self._read([post_id for post_id in ids if post_id not in found])
        return found

    async def _read(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        """From the store into the cache."""
        stamp = self._versions.next()
        stored = await self._posts.get_many(post_ids)
        replies = await self._posts.count_replies(list(stored))
        found = {
            post_id: CountedPost(self._codec.seal(post), PostCounts(replies=replies[post_id]))
            for post_id, post in stored.items()
        }
        if found:
            await self._cache.fill(found.values(), stamp)
        return found


def viewer_of(identity: Identity | None) -> int:
    """The account that looks; 0 for nobody signed in, or an application by itself."""
    return 0 if identity is None else identity.account_id
