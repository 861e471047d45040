"""Threads of direct posts, as their owners have them: an index by hour gives candidates, their posts the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from messaging_service.direct_models import (
    MAX_THREADS,
    TOP_THREAD,
    DirectChange,
    DirectNotice,
    DirectThread,
    IndexedThread,
    Marks,
    ThreadQuery,
    hour_of_post,
)
from messaging_service.errors import DirectThreadNotFound, InvalidField
from messaging_service.repository.direct_threads import DirectThreadRepository
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID
from rookery_common.live.announcer import Announcer

STEP_ROWS: Final = 50
# An owner's hour with more threads than this is listed in the order of what was looked at.
MAX_SCANNED_ROWS: Final = 2_500
# What is older is no news to a stream, as when a topic is read again from its beginning.
LIVE_MS: Final = 3_600_000


class DirectThreadWriter:
    """Takes in what becomes of direct posts. Doing it again changes nothing, nor does the order."""

    def __init__(self, rows: DirectThreadRepository, live: Announcer[DirectNotice], clock: Clock) -> None:
        self._rows = rows
        self._live = live
        self._clock = clock

    async def apply(self, changes: Sequence[DirectChange]) -> None:
        """Raises Unavailable: then it is to be done again."""
        if not changes:
            return
        await self._rows.put(changes)
        since_ms = self._clock.unix_ms() - LIVE_MS
        await self._live.tell(
            [
                (change.post.account_ids, DirectNotice(change.post.thread_id, change.post.post_id))
                for change in changes
                if change.is_news and change.at_ms >= since_ms
            ]
        )


class DirectThreads:
    """What an owner is answered. Raises Unavailable."""

    def __init__(self, rows: DirectThreadRepository) -> None:
        self._rows = rows

    async def page(self, owner_id: int, query: ThreadQuery) -> list[DirectThread]:
        """The latest first. Raises InvalidField."""
        if not 0 < query.limit <= MAX_THREADS:
            raise InvalidField("limit", "ERR_INVALID", f"must be between 1 and {MAX_THREADS}")
        if any(not 0 <= number <= MAX_ID for number in (query.max_id, query.since_id, query.min_id)):
            raise InvalidField("max_id", "ERR_INVALID", "and its sisters must be ids")
        found = await (self._above(owner_id, query) if query.is_upwards else self._below(owner_id, query))
        latest = sorted(found.values(), key=lambda thread: thread.last_post_id, reverse=True)
        return latest[-query.limit :] if query.is_upwards else latest[: query.limit]

    async def get_many(self, owner_id: int, thread_ids: Sequence[int]) -> list[DirectThread]:
        """Those that the owner has. Raises InvalidField."""
        if len(thread_ids) > MAX_THREADS:
            raise InvalidField("thread_ids", "ERR_TOO_MANY", f"has more than {MAX_THREADS}")
        return await self._threads(owner_id, list(dict.fromkeys(thread_ids)))

    async def mark(self, owner_id: int, thread_id: int, *, unread: bool) -> DirectThread:
        """Until another post comes. Raises DirectThreadNotFound."""
        thread = await self._get(owner_id, thread_id)
        await self._rows.see(owner_id, thread_id, thread.last_post_id, unread=unread)
        return DirectThread(thread_id, unread, thread.posts)

    async def remove(self, owner_id: int, thread_id: int) -> None:
        """Until another post comes. Raises DirectThreadNotFound."""
        thread = await self._get(owner_id, thread_id)
        await self._rows.remove(owner_id, thread_id, thread.last_post_id)

    async def _get(self, owner_id: int, thread_id: int) -> DirectThread:
        found = await self._threads(owner_id, [thread_id])
        if not found:
            raise DirectThreadNotFound
        return found[0]

    async def _below(self, owner_id: int, query: ThreadQuery) -> dict[int, DirectThread]:
        """Down to an hour that is wholly known, with as many as are asked for if there are."""
        found: dict[int, DirectThread] = {}
        after = IndexedThread(hour_of_post(query.max_id) + 1, 0) if query.max_id else TOP_THREAD
        last_hour = hour_of_post(max(query.since_id, query.min_id))
        for _ in range(MAX_SCANNED_ROWS // STEP_ROWS):
            rows = await self._rows.older(owner_id, after, STEP_ROWS)
            await self._look_at(owner_id, rows, query, found)
            if len(rows) < STEP_ROWS or rows[-1].hour < last_hour:
                break
            after = rows[-1]
            if sum(hour_of_post(each.last_post_id) > after.hour for each in found.values()) >= query.limit:
                break
        return found

    async def _above(self, owner_id: int, query: ThreadQuery) -> dict[int, DirectThread]:
        """The same, up."""
        found: dict[int, DirectThread] = {}
        after = IndexedThread(hour_of_post(query.min_id), 0)
        for _ in range(MAX_SCANNED_ROWS // STEP_ROWS):
            rows = await self._rows.newer(owner_id, after, STEP_ROWS)
            await self._look_at(owner_id, rows, query, found)
            if len(rows) < STEP_ROWS:
                break
            after = rows[-1]
            if sum(hour_of_post(each.last_post_id) < after.hour for each in found.values()) >= query.limit:
                break
        return found

    async def _look_at(
        self, owner_id: int, rows: Sequence[IndexedThread], query: ThreadQuery, found: dict[int, DirectThread]
    ) -> None:
        """Adds the threads of these rows that are between the bounds."""
        new = [thread_id for thread_id in {row.thread_id for row in rows} if thread_id not in found]
        for thread in await self._threads(owner_id, new):
            if query.takes(thread.last_post_id):
                found[thread.thread_id] = thread

    async def _threads(self, owner_id: int, thread_ids: Sequence[int]) -> list[DirectThread]:
        posts = await self._rows.posts(owner_id, thread_ids)
        there = [thread_id for thread_id in thread_ids if thread_id in posts]
        marks = await self._rows.marks(owner_id, there)
        threads = []
        for thread_id, mark in zip(there, marks, strict=True):
            left = tuple(post for post in posts[thread_id] if post.post_id > mark.removed_id)
            if left:
                latest = left[0]
                unread = _is_unread(owner_id, latest.post_id, latest.author_id, mark)
                threads.append(DirectThread(thread_id, unread, left))
        return threads


def _is_unread(owner_id: int, post_id: int, author_id: int, marks: Marks) -> bool:
    """What an owner wrote last has been read by its owner."""
    return marks.is_unread if post_id <= marks.seen_id else author_id != owner_id
