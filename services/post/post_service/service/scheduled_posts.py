"""Posts that wait for their time: made, looked at, moved and deleted by their authors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from post_service.errors import IdempotencyConflict, InvalidField, ScheduledNotFound, TooManyScheduled
from post_service.models import Draft, KeyClaim, ListBounds, Media
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.schedule_models import (
    MAX_LEAD,
    MAX_SCHEDULED,
    MAX_SCHEDULED_PER_DAY,
    MIN_LEAD,
    ScheduledPost,
)
from post_service.service.bounds import check_bounds
from post_service.service.create_post import PostWriter
from post_service.service.drafts import body_hash
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID, IdSource
from rookery_common.logs import get_logger

log = get_logger()


class ScheduledView(NamedTuple):
    """A scheduled post with its media."""

    scheduled: ScheduledPost
    media: Sequence[Media]


class ScheduledPage(NamedTuple):
    """The latest scheduled first; `reached_id` is where to go on, in the direction of the page, 0 at the end."""

    views: list[ScheduledView]
    reached_id: int


class ScheduledPosts:
    """What accounts have scheduled, each its own. Media are kept for them as for posts."""

    def __init__(
        self,
        scheduled: ScheduledRepository,
        posts: PostRepository,
        media: MediaRepository,
        writer: PostWriter,
        ids: IdSource,
        versions: HybridClock,
        clock: Clock,
    ) -> None:
        self._scheduled = scheduled
        self._posts = posts
        self._media = media
        self._writer = writer
        self._ids = ids
        self._versions = versions
        self._clock = clock

    async def schedule(self, author: Identity, draft: Draft, due_at: datetime) -> ScheduledView:
        """Checked as a post is, and kept; the same request gives the same. Raises as PostWriter.create, and
        TooManyScheduled."""
        due_at = self._checked(due_at)
        draft = self._writer.checked(draft)
        claim = await self._claim(author, draft, due_at)
        made = await self._scheduled.find(author.account_id, claim.post_id)
        if made is not None:
            return await self._view(made)
        media = await self._writer.check(author, draft, held_by=claim.post_id)
        await self._check_number(author.account_id, due_at)
        version = self._versions.next(max((item.version for item in media), default=0))
        await self._media.hold([replace(item, post_id=claim.post_id, version=version) for item in media])
        scheduled = ScheduledPost(claim.post_id, author.account_id, due_at, draft)
        await self._scheduled.create(scheduled)
        log.info("post.scheduled", scheduled_id=scheduled.scheduled_id, author_id=author.account_id)
        return ScheduledView(scheduled, media)

    async def page(self, account: Identity, bounds: ListBounds) -> ScheduledPage:
        """Raises InvalidField."""
        size, newest = check_bounds(bounds), not bounds.min_id
        above, below = max(bounds.min_id, bounds.since_id), bounds.max_id or MAX_ID
        own = await self._scheduled.of(account.account_id)
        fitting = [each for each in own if above < each.scheduled_id < below]
        page = fitting[:size] if newest else fitting[-size:]
        reached = (page[-1] if newest else page[0]).scheduled_id if len(fitting) > len(page) else 0
        media = await self._media_of(page)
        return ScheduledPage([_view(each, media) for each in page], reached)

    async def get(self, account: Identity, scheduled_id: int) -> ScheduledView:
        """Raises ScheduledNotFound."""
        return await self._view(await self._own(account, scheduled_id))

    async def move(self, account: Identity, scheduled_id: int, due_at: datetime) -> ScheduledView:
        """Raises ScheduledNotFound, also for what is being published, InvalidField and TooManyScheduled."""
        due_at, held = self._checked(due_at), await self._own(account, scheduled_id)
        if held.due_at != due_at or held.failure:
            await self._check_number(account.account_id, due_at, besides=scheduled_id)
            await self._scheduled.move(held, due_at)
            held = await self._own(account, scheduled_id)
        if held.due_at != due_at:
            raise ScheduledNotFound
        return await self._view(held)

    async def delete(self, account: Identity, scheduled_id: int) -> None:
        """Raises ScheduledNotFound, also for what is being published."""
        held = await self._view(await self._own(account, scheduled_id))
        await self._scheduled.delete(held.scheduled)
        if await self._scheduled.find(account.account_id, scheduled_id) is not None:
            raise ScheduledNotFound
        version = self._versions.next(max((item.version for item in held.media), default=0))
        freed = [replace(item, post_id=0, version=version) for item in held.media if item.post_id == scheduled_id]
        await self._media.free(freed, self._clock.now().date())

    async def _own(self, account: Identity, scheduled_id: int) -> ScheduledPost:
        found = await self._scheduled.find(account.account_id, scheduled_id)
        if found is None or found.post_id:
            raise ScheduledNotFound
        return found

    def _checked(self, due_at: datetime) -> datetime:
        lead = due_at - self._clock.now()
        if lead < MIN_LEAD:
            raise InvalidField("scheduled_at", "ERR_TOO_SOON", "must be at least 5 minutes ahead")
        if lead > MAX_LEAD:
            raise InvalidField("scheduled_at", "ERR_TOO_LATE", "must be at most 5 years ahead")
        return due_at.replace(microsecond=due_at.microsecond // 1000 * 1000)

    async def _claim(self, author: Identity, draft: Draft, due_at: datetime) -> KeyClaim:
        digest = hashlib.sha256(body_hash(draft) + due_at.isoformat().encode()).digest()
        minted = KeyClaim(digest, self._ids.mint())
        if not draft.request_id:
            return minted
        held = await self._posts.claim(author.account_id, draft.request_id, minted)
        if held.body_hash != digest:
            raise IdempotencyConflict("this Idempotency-Key was used with another body")
        return held

    async def _check_number(self, account_id: int, due_at: datetime, besides: int = 0) -> None:
        own = [each for each in await self._scheduled.of(account_id) if each.scheduled_id != besides]
        if len(own) >= MAX_SCHEDULED:
            raise TooManyScheduled(f"at most {MAX_SCHEDULED} posts can be scheduled")
        if sum(each.due_at.date() == due_at.date() for each in own) >= MAX_SCHEDULED_PER_DAY:
            raise TooManyScheduled(f"at most {MAX_SCHEDULED_PER_DAY} posts can be scheduled for one day")

    async def _view(self, scheduled: ScheduledPost) -> ScheduledView:
        return _view(scheduled, await self._media_of([scheduled]))

    async def _media_of(self, scheduled: Sequence[ScheduledPost]) -> Mapping[int, Media]:
        return await self._media.get_many([media_id for each in scheduled for media_id in each.draft.media_ids])


def _view(scheduled: ScheduledPost, media: Mapping[int, Media]) -> ScheduledView:
    return ScheduledView(scheduled, [media[each] for each in scheduled.draft.media_ids if each in media])
