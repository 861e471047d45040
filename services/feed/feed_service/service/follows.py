"""Feed's copy of who follows whom, and what a new follow brings into the reader's home."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from feed_service.follow_models import Follow
from feed_service.models import Entry
from feed_service.repository.follows import FollowRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.service.fan_out import FanOut
from feed_service.service.older import first_stored_id
from rookery_common.clock import Clock

BACKFILL_POSTS: Final = 40


class RecentPosts(Protocol):
    """Where an author's recent posts are asked for."""

    async def recent(self, author_ids: Sequence[int], most: int) -> Mapping[int, Sequence[Entry]]:
        """The newest of each that followers may see; nothing of who has none."""
        ...


class FollowKeeper:
    """Takes over changes of follows.

    The graph is written before the backfill reads: a post whose fan-out did not see the new follower is stored already,
    and is found by the backfill. So "follow, then post" gives one entry, in whatever order the two are told of.
    """

    def __init__(
        self, follows: FollowRepository, windows: WindowCaches, fan_out: FanOut, posts: RecentPosts, clock: Clock
    ) -> None:
        self._follows = follows
        self._windows = windows
        self._fan_out = fan_out
        self._posts = posts
        self._clock = clock

    async def apply(self, follows: Sequence[Follow], begun: Sequence[Follow]) -> None:
        """Changes of follows, each pair once; of those of them that have begun, the authors' recent posts come into the
        readers' homes. Of a follow that ended what was delivered stays stored, and is dropped when read. Raises
        Unavailable."""
        await self._follows.put(*follows)
        await asyncio.gather(*map(self._windows.forget_following, {follow.reader_id for follow in follows}))
        if begun:
            await self._backfill(begun)

    async def _backfill(self, begun: Sequence[Follow]) -> None:
        floor = first_stored_id(self._clock)
        await asyncio.gather(*(self._windows.forget_below(each, floor) for each in {one.reader_id for one in begun}))
        recent = await self._posts.recent(sorted({follow.author_id for follow in begun}), BACKFILL_POSTS)
        found = [(follow.reader_id, entry) for follow in begun for entry in recent.get(follow.author_id, ())]
        if found:
            await self._fan_out.deliver_each(found)
