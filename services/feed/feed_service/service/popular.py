"""What is liked among the newest public posts: found out now and then, for all readers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from feed_service.models import PUBLIC, PostFacts, PublicEntry
from feed_service.repository.public import PublicRepository
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

NEWEST_POSTS: Final = 200
POPULAR_POSTS: Final = 60
FRESH_SECONDS: Final = 30.0
log = get_logger()


class FactsOfPosts(Protocol):
    """Where it is asked what was done with posts."""

    async def facts(self, viewer: Identity | None, post_ids: Sequence[int]) -> Mapping[int, PostFacts]: ...


class PopularPosts:
    """The public posts of late with which most was done, those that had nothing left out."""

    def __init__(self, public: PublicRepository, posts: FactsOfPosts, clock: Clock) -> None:
        self._public = public
        self._posts = posts
        self._clock = clock
        self._lock = asyncio.Lock()
        self._found: Sequence[PublicEntry] = ()
        self._ends = -1.0

    async def newest(self) -> Sequence[PublicEntry]:
        """As they were half a minute ago; as they were before, where nobody tells now."""
        if self._clock.monotonic() >= self._ends:
            async with self._lock:
                if self._clock.monotonic() >= self._ends:  # Nobody has done it while this one waited.
                    await self._renew()
        return self._found

    async def _renew(self) -> None:
        try:
            posts = await self._public.older(PUBLIC, MAX_ID, 0, NEWEST_POSTS)
            facts = await self._posts.facts(None, [post.post_id for post in posts])
        except AppError as error:
            log.warning("for_you.without_popular", reason=error.reason)
        else:
            done = {post_id: each.favourites + 2 * (each.replies + each.reblogs) for post_id, each in facts.items()}
            liked = [post for post in posts if done.get(post.post_id)]
            self._found = sorted(liked, key=lambda post: done[post.post_id], reverse=True)[:POPULAR_POSTS]
        self._ends = self._clock.monotonic() + FRESH_SECONDS
