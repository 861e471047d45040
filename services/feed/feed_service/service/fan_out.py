"""Fan-out: what a poll found of changed posts goes into all timelines together, and to whoever is looking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from feed_service.follow_models import Follower
from feed_service.metrics import DELIVERIES, DELIVERY_AGE_SECONDS, FAN_OUT_SECONDS
from feed_service.models import Change, Delivery, Entry, LiveKind, LiveUpdate, MergedUpdate, Part, PostChange, Reason
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowerCursor, FollowRepository
from feed_service.repository.live import MERGED_CHANNEL
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.service.activity import Activity
from feed_service.service.modes import Modes
from rookery_common.clock import Clock
from rookery_common.ids import ms_of
from rookery_common.live.announcer import Announcer

# Followers taken at a time, over all authors of a poll: what is held in memory at once is bounded.
ROUND_FOLLOWERS: Final = 20_000
MIN_PAGE: Final = 100
MAX_PAGE: Final = 5_000
AUTHORS_AT_ONCE: Final = 32
# Of one author's: few, so that others' deliveries come between.
BULK_FOLLOWERS: Final = 100
Work = Sequence[tuple[PostChange, Sequence[Follower]]]
_LIVE: Final = {
    Change.VISIBLE: LiveKind.UPDATE,
    Change.EDITED: LiveKind.STATUS_UPDATE,
    Change.HIDDEN: LiveKind.DELETE,
    Change.GONE: LiveKind.DELETE,
}


class FanOut:
    """Delivers posts: first to CQL, which has everything, then to the windows in Redis, then to streams. Posts of
    authors whom too many follow are kept once, for readers to merge, and told to streams once.

    Doing it again changes nothing in timelines. Streams are told again: a client that has seen an entry ignores it.
    """

    def __init__(
        self,
        timelines: TimelineRepository,
        windows: WindowCaches,
        follows: FollowRepository,
        author_posts: AuthorPostRepository,
        modes: Modes,
        live: Announcer[LiveUpdate],
        merged_live: Announcer[MergedUpdate],
        activity: Activity,
        clock: Clock,
    ) -> None:
        self._timelines = timelines
        self._windows = windows
        self._follows = follows
        self._author_posts = author_posts
        self._modes = modes
        self._live = live
        self._merged_live = merged_live
        self._activity = activity
        self._clock = clock

    async def apply(self, changes: Sequence[PostChange]) -> list[Part]:
        """The effects of the changes, in their order for each post. Raises Unavailable: then it is to be done again.

        Returns what is left for `deliver`: followers beyond an author's first bucket.
        """
        with FAN_OUT_SECONDS.time():
            await self._modes.refresh()
            narrow, merged, wide = self._by_way(changes)
            await self._deliver_narrowly(narrow)
            if merged:
                await self._keep(merged)
            parts = await self._deliver_widely(wide)
            await self._modes.look(each.author_id for each in (*merged, *wide) if each.change is Change.VISIBLE)
            await self._activity.learn()
        now_ms = self._clock.unix_ms()
        for change in changes:
            if change.change is Change.VISIBLE:
                DELIVERY_AGE_SECONDS.observe(max(0, now_ms - ms_of(change.post_id)) / 1000)
        return parts

    async def deliver(self, part: Part) -> None:
        """One change to one bucket of followers, a few at a time. Raises Unavailable: then it is to be done again."""
        cursor = FollowerCursor(part.change.author_id, part.bucket)
        while cursor.bucket == part.bucket:
            work = [(part.change, await self._follows.next_followers(cursor, BULK_FOLLOWERS))]
            await self._store(await self._awake(work))
            await self._tell(work)
        await self._activity.learn()

    async def deliver_to(self, reader_id: int, entries: Sequence[Entry]) -> None:
        """Into one timeline, and to no stream: own posts at once."""
        await self.deliver_each([(reader_id, entry) for entry in entries])

    async def deliver_each(self, deliveries: Sequence[Delivery]) -> None:
        """Into their timelines, and to no stream: the recent posts of who is newly followed. Raises Unavailable."""
        await self._timelines.add(deliveries)
        await self._windows.push(deliveries)
        DELIVERIES.inc(len(deliveries))

    async def _deliver_narrowly(self, changes: Sequence[PostChange]) -> None:
        """Posts for their author, or for those mentioned: into the timelines of all these, for a follow may be told of
        later than it was made, and who does not follow is not shown them; streams are told of who follows now."""
        stored, told = [], []
        for change in changes:
            named = _named(change)
            followers = await self._follows.who_follows(change.author_id, named)
            stored.append((change, [Follower(reader_id, True) for reader_id in (change.author_id, *named)]))
            told.append((change, [Follower(change.author_id, True), *followers]))
        await self._store(stored)
        await self._tell(told)

    def _by_way(self, changes: Sequence[PostChange]) -> tuple[list[PostChange], list[PostChange], list[PostChange]]:
        """For a few; for readers to merge; for each follower."""
        narrow, merged, wide = list[PostChange](), list[PostChange](), list[PostChange]()
        for change in changes:
            if _is_narrow(change):
                narrow.append(change)
            elif self._modes.is_merged(change.author_id, ms_of(change.post_id)):
                merged.append(change)
            else:
                wide.append(change)
        return narrow, merged, wide

    async def _keep(self, changes: Sequence[PostChange]) -> None:
        """For whoever follows the authors to find when reading, and in the authors' own homes."""
        await self._author_posts.put([_entry(change) for change in changes if change.change is Change.VISIBLE])
        own = [(change, [Follower(change.author_id, True)]) for change in changes]
        await self._store(own)
        await self._tell(own)
        news = [
            ([MERGED_CHANNEL], MergedUpdate(LiveUpdate(kind, change.post_id, change.author_id), change.is_reblog))
            for change in changes
            if (kind := _LIVE.get(change.change)) is not None
        ]
        await self._merged_live.tell(news)

    async def _deliver_widely(self, changes: Sequence[PostChange]) -> list[Part]:
        """To the first bucket of followers, in rounds of bounded size: a round takes the next of every author.

        Returns what is left for the other buckets.
        """
        parts: list[Part] = []
        by_author: dict[int, list[PostChange]] = {}
        for change in changes:
            by_author.setdefault(change.author_id, []).append(change)
        cursors = [FollowerCursor(author_id) for author_id in by_author]
        # An author is the first of its own readers.
        readers = [[Follower(author_id, True)] for author_id in by_author]
        while cursors:
            size = min(MAX_PAGE, max(MIN_PAGE, ROUND_FOLLOWERS // len(cursors)))
            pages = await self._pages(cursors, size)
            work = [
                (change, own + page)
                for cursor, own, page in zip(cursors, readers, pages, strict=True)
                for change in by_author[cursor.author_id]
            ]
            await self._store(await self._awake(work))
            await self._tell(work)
            parts += [
                Part(change, bucket)
                for cursor in cursors
                if cursor.bucket > 0
                for change in by_author[cursor.author_id]
                for bucket in range(1, cursor.buckets)
            ]
            cursors = [cursor for cursor in cursors if cursor.bucket == 0 and not cursor.done]
            readers = [[] for _ in cursors]
        return parts

    async def _pages(self, cursors: Sequence[FollowerCursor], size: int) -> list[list[Follower]]:
        slots = asyncio.Semaphore(AUTHORS_AT_ONCE)

        async def page(cursor: FollowerCursor) -> list[Follower]:
            async with slots:
                return await self._follows.next_followers(cursor, size)

        return await asyncio.gather(*(page(cursor) for cursor in cursors))

    async def _awake(self, work: Work) -> Work:
        """Without those who were away for long, of what is to be stored: streams are told of whoever listens."""
        stored = [(change, followers) for change, followers in work if change.change is Change.VISIBLE]
        asked = {follower.reader_id for _, followers in stored for follower in followers}
        sleepers = await self._activity.asleep(asked - {change.author_id for change, _ in stored})
        if not sleepers:
            return stored
        return [
            (change, [each for each in followers if each.reader_id not in sleepers]) for change, followers in stored
        ]

    async def _store(self, work: Work) -> None:
        deliveries = [delivery for change, followers in work for delivery in _deliveries(change, followers)]
        if deliveries:
            await self._timelines.add(deliveries)
            await self._windows.push(deliveries)
            DELIVERIES.inc(len(deliveries))

    async def _tell(self, work: Work) -> None:
        await self._live.tell([update for change, followers in work if (update := _update(change, followers))])


def _named(change: PostChange) -> list[int]:
    """Whom, beside its author, a post of few readers is for: nobody while it is held."""
    if change.change is Change.HELD:
        return []
    return sorted((change.only_to or frozenset()) - {change.author_id})


def _is_narrow(change: PostChange) -> bool:
    return change.only_to is not None or change.change is Change.HELD


def _entry(change: PostChange) -> Entry:
    reason = Reason.REBLOG if change.is_reblog else Reason.FOLLOWED_AUTHOR
    return Entry(change.post_id, change.author_id, reason)


def _deliveries(change: PostChange, followers: Iterable[Follower]) -> list[Delivery]:
    if change.change not in (Change.VISIBLE, Change.HELD):
        return []
    entry = _entry(change)
    own = Entry(change.post_id, change.author_id, Reason.OWN_POST)
    return [
        (follower.reader_id, own if follower.reader_id == change.author_id else entry)
        for follower in followers
        if follower.reblogs or not change.is_reblog
    ]


def _update(change: PostChange, followers: Iterable[Follower]) -> tuple[Sequence[int], LiveUpdate] | None:
    kind = _LIVE.get(change.change)
    readers = [follower.reader_id for follower in followers if follower.reblogs or not change.is_reblog]
    if change.change is Change.HIDDEN and change.author_id in readers:
        readers.remove(change.author_id)
    if kind is None or not readers:
        return None
    return readers, LiveUpdate(kind, change.post_id, change.author_id)
