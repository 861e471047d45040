"""Erases what a deleted account has written, marked and kept. What others made of its posts stays theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from post_service.errors import DraftChanged, DraftNotFound, PublishingNow, ScheduledNotFound
from post_service.models import PostMarks
from post_service.repository.erasures import ErasureRepository
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository, Week, week_of
from post_service.repository.pins import PinRepository
from post_service.repository.posts import PostRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.service.delete_post import PostRemover
from post_service.service.engage import Engagement
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.erasure import ErasureStep
from rookery_common.ids import MAX_ID, lowest_id_at, ms_of

AT_ONCE = 8
PAGE = 40
WEEKS_AT_ONCE = 64
OVERLAP_MS = 3600 * 1000
"""What was begun before the account was deleted may come later, under an id of that time."""


class PostErasure:
    """Scheduled posts and drafts; posts and reblogs, as their author would delete them; then what the account shows."""

    def __init__(
        self,
        posts: PostRepository,
        remover: PostRemover,
        progress: ErasureRepository,
        scheduled: tuple[ScheduledRepository, ScheduledPosts],
        drafts: tuple[SavedDraftRepository, SavedDrafts],
        pins: PinRepository,
        pictures: ProfilePictures,
        clock: Clock,
    ) -> None:
        self._posts = posts
        self._remover = remover
        self._progress = progress
        self._scheduled, self._scheduling = scheduled
        self._drafts, self._drafting = drafts
        self._pins = pins
        self._pictures = pictures
        self._clock = clock

    @property
    def steps(self) -> Sequence[ErasureStep]:
        """What is not published yet comes first, so that it never is."""
        return self._unpublish, self._discard, self._remove_posts, self._unpin, self._pictures.forget

    async def _unpublish(self, account_id: int) -> int:
        """Raises PublishingNow for what is being published: it is a post in a moment."""
        waiting = (await self._scheduled.of(account_id))[:PAGE]
        for each in waiting:
            try:
                await self._scheduling.delete(_identity(account_id), each.scheduled_id)
            except ScheduledNotFound:
                raise PublishingNow("a scheduled post is being published") from None
        return len(waiting)

    async def _discard(self, account_id: int) -> int:
        drafts = (await self._drafts.of(account_id))[:PAGE]
        for each in drafts:
            with suppress(DraftNotFound, DraftChanged):  # Then somebody else did, or it is met again.
                await self._drafting.delete(_identity(account_id), each.draft_id, version=0)
        return len(drafts)

    async def _remove_posts(self, account_id: int) -> int:
        reached = await self._progress.reached(account_id)
        above = lowest_id_at(ms_of(reached) - OVERLAP_MS) if reached else 0
        rows = await self._posts.authored(account_id, above, MAX_ID, PAGE, newest=False)
        found = list((await self._posts.get_many([row.post_id for row in rows])).values())
        for start in range(0, len(found), AT_ONCE):
            await asyncio.gather(*(self._remover.remove(post) for post in found[start : start + AT_ONCE]))
        if rows:
            await self._progress.reach(account_id, max(reached, rows[-1].post_id))
        return len(rows)

    async def _unpin(self, account_id: int) -> int:
        held = await self._pins.of(account_id, serial=True)
        if held.post_ids:
            await self._pins.change(account_id, held, (), held.post_ids, self._clock.now())
        return len(held.post_ids)


class MarkErasure:
    """Favourites, each of which others have counted, and bookmarks and muted threads, which nobody else knew of."""

    def __init__(
        self,
        marks: MarkRepository,
        lists: MarkedRepository,
        engagement: Engagement,
        versions: HybridClock,
        clock: Clock,
    ) -> None:
        self._marks = marks
        self._lists = lists
        self._engagement = engagement
        self._versions = versions
        self._clock = clock

    @property
    def steps(self) -> Sequence[ErasureStep]:
        """The lists go last: they are of no use without the marks."""
        return self._forget_marks, self._forget_lists

    async def _forget_marks(self, account_id: int) -> int:
        version = self._versions.next()
        marks = await self._some(account_id)
        liked = [post_id for _, post_id, held in marks if held.favourited]
        for start in range(0, len(liked), AT_ONCE):
            some = liked[start : start + AT_ONCE]
            await asyncio.gather(*(self._engagement.withdraw(account_id, post_id) for post_id in some))
        # What was marked or withdrawn after the reading outlives this version, and is read again.
        oldest = {week: post_id for week, post_id, _ in marks}
        for week, post_id in oldest.items():
            await self._marks.forget(week, post_id, version)
        return len(marks)

    async def _some(self, account_id: int) -> list[tuple[Week, int, PostMarks]]:
        newest = week_of(account_id, lowest_id_at(self._clock.unix_ms())).number
        for start in range(0, newest + 1, WEEKS_AT_ONCE):
            numbers = list(range(start, min(start + WEEKS_AT_ONCE, newest + 1)))
            if found := await self._marks.kept(account_id, numbers, PAGE):
                return found
        return []

    async def _forget_lists(self, account_id: int) -> int:
        await self._lists.forget(account_id, self._versions.next())
        return 0


def _identity(account_id: int) -> Identity:
    return Identity(account_id=account_id, session_id=0, app_id=0)
