"""Deletes posts, and reblogs, which are posts too: a tombstone takes the place of each, for good."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from post_service import metrics
from post_service.errors import PostNotFound
from post_service.events import PostCodec, PostEvents
from post_service.models import MAX_EDITS, CountedPost, Fact, FactKind, Post, PostCounts, PostState, Visibility
from post_service.repository.cache import PostCache
from post_service.repository.engagements import EngagementRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service.marks import MarkReader
from post_service.service.read_posts import PostReader
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.logs import get_logger

REBLOGS_AT_ONCE = 8
log = get_logger()


@dataclass(frozen=True, slots=True)
class PostStores:
    """What holds posts and the reblogs that some of them are."""

    posts: PostRepository
    engagements: EngagementRepository
    cache: PostCache
    revisions: RevisionRepository


class PostRemover:
    """Deletes what its author wants deleted. Reblogs of it are not shown from then on, and deleted one by one."""

    def __init__(
        self,
        stores: PostStores,
        reader: PostReader,
        marks: MarkReader,
        codec: PostCodec,
        events: PostEvents,
        versions: HybridClock,
    ) -> None:
        self._posts = stores.posts
        self._engagements = stores.engagements
        self._cache = stores.cache
        self._revisions = stores.revisions
        self._reader = reader
        self._marks = marks
        self._codec = codec
        self._events = events
        self._versions = versions

    async def delete(self, author: Identity, post_id: int, *, with_media: bool = False) -> Post:
        """The post as it was, so that it can be written anew, with its media unless they go with it. Raises
        PostNotFound, also for others' posts."""
        post = await self._posts.get(post_id)
        if post is None or post.author_id != author.account_id:
            raise PostNotFound
        await self.remove(post, with_media=with_media)
        return post

    async def remove(self, post: Post, *, with_media: bool = False) -> None:
        """Repeating it does what a crash has left undone."""
        held = await self._held(post)
        is_gone = post.state == PostState.DELETED
        if not is_gone or (held and held.active):
            stored = max(post.version, held.version if held else 0)
            post = await self._bury(post, self._versions.next(stored), with_media=with_media)
        await self._posts.unsettle(post)
        await self._cache.put(CountedPost(self._codec.seal(post), PostCounts()), stamp=0)
        if post.in_reply_to_id:
            await self._reader.refresh_counts(post.in_reply_to_id)
        await self._reader.refresh_quoted(post)
        if held:
            await self._engagements.recount(held)
            await self._reader.refresh_counts(held.post_id)
            await self._marks.refresh(held.account_id, held.post_id)

    async def remove_again(self, tombstone: Post) -> None:
        """Buries what a change that came too late has written over a tombstone."""
        await self._bury(tombstone, self._versions.next(tombstone.version))

    async def remove_reblogs(self, post_id: int) -> None:
        """All reblogs of a deleted post: nobody is shown them any more, but open streams are told by their ends, and
        those who made them count them no longer."""
        async for account_ids in self._engagements.holders(FactKind.REBLOG, post_id):
            for start in range(0, len(account_ids), REBLOGS_AT_ONCE):
                some = account_ids[start : start + REBLOGS_AT_ONCE]
                await asyncio.gather(*(self._remove_reblog(account_id, post_id) for account_id in some))

    async def _remove_reblog(self, account_id: int, post_id: int) -> None:
        reblog = await self._posts.get(await self._engagements.claimed_reblog(account_id, post_id))
        if reblog is not None:
            await self.remove(reblog)

    async def _held(self, post: Post) -> Fact | None:
        """The fact that a reblog is."""
        if not post.reblog_of_id:
            return None
        return await self._engagements.find(FactKind.REBLOG, post.reblog_of_id, post.author_id)

    async def _bury(self, post: Post, version: int, *, with_media: bool = False) -> Post:
        if post.edit_time is not None:  # What was attached to earlier versions only goes with it.
            earlier = [media for each in await self._revisions.of(post.post_id, MAX_EDITS + 1) for media in each.media]
            owned = {media.media_id: replace(media, account_id=post.author_id) for media in earlier}
            post = replace(post, media=tuple((owned | {media.media_id: media for media in post.media}).values()))
        tombstone = tombstone_of(post, version)
        event = self._events.deleted(tombstone)
        fact = reblog_fact(tombstone) if post.reblog_of_id else None
        await self._posts.bury(post, tombstone, event, fact, with_media=with_media)
        await self._posts.publish(event)
        metrics.POSTS_DELETED.inc()
        log.info("post.deleted", post_id=post.post_id, author_id=post.author_id)
        return tombstone


def reblog_fact(reblog: Post) -> Fact:
    """The fact that a reblog, or its tombstone, stands for."""
    active = reblog.state != PostState.DELETED
    return Fact(
        FactKind.REBLOG,
        reblog.reblog_of_id,
        reblog.author_id,
        active,
        reblog.version,
        reblog.create_time,
        mark_id=reblog.post_id,
    )


def tombstone_of(post: Post, version: int) -> Post:
    """What is kept of a deleted post: nothing that was written. Those whom a direct post mentioned stay named, since
    nobody else is to be told that it is gone."""
    return replace(
        post,
        text="",
        spoiler_text="",
        sensitive=False,
        language="",
        media=(),
        mentions=post.mentions if post.visibility == Visibility.DIRECT else (),
        tags=(),
        application_name="",
        application_website="",
        poll=None,
        card=None,
        state=PostState.DELETED,
        version=version,
    )
