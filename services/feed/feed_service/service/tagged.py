"""Homes with what is posted with hashtags that their readers follow: joined when they are read."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from feed_service.models import Entry, HomePage, HomeQuery, PageQuery, PublicEntry, Reason, joined, tag_timeline
from feed_service.repository.public import PublicRepository
from feed_service.service.home import HomeReader
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

# The newest posts of a hashtag, kept for all who follow it for so long.
TAIL_POSTS: Final = 100
TAIL_SECONDS: Final = 2.0
MOST_TAILS: Final = 10_000
READS_AT_ONCE: Final = 16
log = get_logger()


class TagTails:
    """Posts with a hashtag: the newest ones from memory, older ones from where they are stored."""

    def __init__(self, repository: PublicRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._tails: OrderedDict[str, tuple[float, list[PublicEntry]]] = OrderedDict()
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def posts(self, tag: str, page: PageQuery, limit: int) -> list[PublicEntry]:
        """At most `limit` between the page's bounds, in its direction. Raises Unavailable."""
        tail = await self.newest(tag)
        inside = [post for post in tail if page.low < post.post_id < page.high]
        reaches_down = len(tail) < TAIL_POSTS or tail[-1].post_id <= page.low
        if reaches_down:
            return inside[::-1][:limit] if page.upwards else inside[:limit]
        if len(inside) >= limit and not page.upwards:
            return inside[:limit]
        read = self._repository.newer if page.upwards else self._repository.older
        async with self._slots:
            return await read(tag_timeline(tag), page.high, page.low, limit)

    async def newest(self, tag: str) -> list[PublicEntry]:
        """The newest hundred, newest first, as they were at most 2 s ago. Raises Unavailable."""
        known = self._known(tag)
        return await self._read_tail(tag) if known is None else known

    def _known(self, tag: str) -> list[PublicEntry] | None:
        ends, tail = self._tails.get(tag, (0.0, []))
        return tail if self._clock.monotonic() < ends else None

    async def _read_tail(self, tag: str) -> list[PublicEntry]:
        """What is in memory takes no slot: a store that is slow holds up only those who need it."""
        async with self._slots:
            known = self._known(tag)
            if known is not None:  # Somebody has read it while this one waited.
                return known
            ends = self._clock.monotonic() + TAIL_SECONDS
            tail = await self._repository.older(tag_timeline(tag), MAX_ID, 0, TAIL_POSTS)
        self._tails[tag] = (ends, tail)
        self._tails.move_to_end(tag)
        if len(self._tails) > MOST_TAILS:
            self._tails.popitem(last=False)
        return tail


class TaggedHomes:
    """Pages of homes, each post once: what is in a home already is there as what it was."""

    def __init__(self, homes: HomeReader, tails: TagTails) -> None:
        self._homes = homes
        self._tails = tails

    async def pages(self, asked: Sequence[HomeQuery]) -> list[HomePage | AppError]:
        """One answer for each query, in order."""
        pages = await self._homes.pages([(query.reader_id, query.page) for query in asked])
        tagged = {
            place: self._joined(query, page)
            for place, (query, page) in enumerate(zip(asked, pages, strict=True))
            if query.tags and not isinstance(page, AppError)
        }
        if tagged:
            for place, page in zip(tagged, await asyncio.gather(*tagged.values()), strict=True):
                pages[place] = page
        return pages

    async def _joined(self, query: HomeQuery, home: HomePage) -> HomePage:
        reads = (self._tails.posts(tag, query.page, query.page.limit + 1) for tag in sorted(query.tags))
        try:
            found = await asyncio.gather(*reads)
        except AppError as error:
            # The home itself may come from Redis: better without its hashtags than none.
            log.warning("home.without_tags", reason=error.reason)
            return home
        entries = [Entry(post.post_id, post.author_id, Reason.FOLLOWED_TAG) for part in found for post in part]
        return joined(query.page, home, entries)
