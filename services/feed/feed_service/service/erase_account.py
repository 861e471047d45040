"""Erases what feed keeps of a deleted account: as a reader all, as an author whom its posts were delivered to."""

from __future__ import annotations

from collections.abc import Sequence

from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from rookery_common.erasure import ErasureStep


class AccountErasure:
    """Whole partitions, however full: a few dozen deletions. Follows themselves end by what user tells of them."""

    def __init__(
        self,
        marks: MarkRepository,
        follows: FollowRepository,
        timelines: TimelineRepository,
        windows: WindowCaches,
        author_posts: AuthorPostRepository,
        readers: ReaderRepository,
        seen: SeenRepository,
    ) -> None:
        self._marks = marks
        self._follows = follows
        self._timelines = timelines
        self._windows = windows
        self._author_posts = author_posts
        self._readers = readers
        self._seen = seen

    @property
    def steps(self) -> Sequence[ErasureStep]:
        """Windows go last, since they are filled from timelines."""
        return (self._erase,)

    async def _erase(self, account_id: int) -> int:
        await self._marks.forget(account_id)
        await self._follows.forget_followers(account_id)
        await self._timelines.forget(account_id)
        await self._author_posts.forget(account_id)
        await self._readers.forget(account_id)
        await self._seen.forget(account_id)
        await self._windows.forget(account_id)
        return 0
