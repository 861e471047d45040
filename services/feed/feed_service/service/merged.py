"""Homes with the posts of authors whom too many follow: joined when they are read, from what all readers share."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from feed_service.metrics import TAIL_READS
from feed_service.models import Entry, Following, HomePage, MergedFollows, PageQuery, Reason, joined
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.windows import WindowRepository
from feed_service.service.modes import Modes
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.logs import get_logger

# The newest posts of an author, kept for all readers until there is news of the author, or for so long.
TAIL_POSTS: Final = 200
TAIL_SECONDS: Final = 15.0
MOST_TAILS: Final = 20_000
# Reads of the store at a time; one author is read by one of them.
_LOCKS: Final = 32
# Authors whom Redis is asked about by one call.
_ASKED_AT_ONCE: Final = 1_000
log = get_logger()


_Keyed = tuple[int, int]  # a key of a tail and its author


@dataclass(frozen=True, slots=True)
class _Tail:
    """Entries as keys (the id doubled, one more of a reblog), oldest first; the newest id, 0 for none; `is_whole` if
    there are no older ones."""

    ends: float
    keys: array[int]
    newest: int
    is_whole: bool

    def reaches(self, page: PageQuery, low: int, limit: int) -> bool:
        """Whether it tells all that a page needs of its author, whose entries are wanted above `low`."""
        if self.is_whole or self.keys[0] >> 1 <= low:
            return True
        return not page.upwards and bisect_left(self.keys, page.high << 1) >= limit

    def between(self, page: PageQuery, low: int, most: int) -> array[int]:
        """At most `most` keys, those that come first in the page's direction."""
        first, last = bisect_left(self.keys, (low + 1) << 1), bisect_left(self.keys, page.high << 1)
        if page.upwards:
            return self.keys[first : min(last, first + most)]
        return self.keys[max(first, last - most) : last]


def _entry(key: int, author_id: int) -> Entry:
    return Entry(key >> 1, author_id, Reason.REBLOG if key & 1 else Reason.FOLLOWED_AUTHOR)


def _first_of(tails: Sequence[tuple[int, _Tail]], page: PageQuery, low: int, limit: int) -> list[Entry]:
    """Of all these tails the entries that come first in the page's direction, at most so many."""
    if not page.upwards and len(tails) > limit:
        # As many authors have a newer entry: what is older than the newest of each of these is on a later page.
        high = page.high
        newest = sorted([tail.newest for _, tail in tails if tail.newest < high])
        low = max(low, newest[-limit] - 1) if len(newest) >= limit else low
    found: list[_Keyed] = []
    for author_id, tail in tails:
        if tail.newest > low:
            found += zip(tail.between(page, low, limit), repeat(author_id))
    found.sort(reverse=not page.upwards)
    return [_entry(key, author_id) for key, author_id in found[:limit]]


class AuthorTails:
    """Posts by author: the newest from memory, older ones from where they are stored."""

    def __init__(self, repository: AuthorPostRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._tails: OrderedDict[int, _Tail] = OrderedDict()
        self._news: dict[int, int] = {}
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    def forget(self, author_id: int) -> None:
        """There is news of the author; a read that is under way may not have seen it."""
        self._tails.pop(author_id, None)
        if author_id in self._news:
            self._news[author_id] += 1

    def forget_all(self) -> None:
        """News may have been missed."""
        for author_id in list(self._tails.keys() | self._news.keys()):
            self.forget(author_id)

    async def entries(self, followed: Following, page: PageQuery, low: int) -> list[Entry]:
        """Of all these authors what a page may show above `low`, in no order. Raises Unavailable."""
        now, limit = self._clock.monotonic(), page.limit + 1
        known, others, unwanted = list[tuple[int, _Tail]](), list[int](), followed.without_reblogs
        for author_id in followed.authors:
            tail = self._tails.get(author_id)
            if tail is None or tail.ends <= now:
                others.append(author_id)
            elif tail.newest <= low:
                continue
            elif author_id in unwanted or not (tail.is_whole or tail.reaches(page, low, limit)):
                others.append(author_id)
            else:
                known.append((author_id, tail))
        found = _first_of(known, page, low, limit)
        if others:
            for part in await asyncio.gather(*(self._read_one(each, followed, page, low) for each in others)):
                found += part
        return found

    async def _read_one(self, author_id: int, followed: Following, page: PageQuery, low: int) -> list[Entry]:
        limit = page.limit + 1
        tail = await self._tail(author_id)
        if tail.newest <= low:
            return []
        if author_id not in followed.without_reblogs and tail.reaches(page, low, limit):
            return _first_of([(author_id, tail)], page, low, limit)
        inside = [_entry(key, author_id) for key in tail.between(page, low, TAIL_POSTS)]
        kept = [entry for entry in inside if _is_wanted(entry, followed)]
        if tail.is_whole or tail.keys[0] >> 1 <= low or (len(kept) >= limit and not page.upwards):
            return kept
        return await self._stored(author_id, followed, page, low)

    async def _stored(self, author_id: int, followed: Following, page: PageQuery, low: int) -> list[Entry]:
        high, kept, limit = page.high, list[Entry](), page.limit + 1
        read = self._repository.newer if page.upwards else self._repository.older
        while True:
            async with self._locks[author_id % _LOCKS]:
                TAIL_READS.labels("stored").inc()
                rows = await read(author_id, high, low, TAIL_POSTS)
            kept += [entry for entry in rows if _is_wanted(entry, followed)]
            if len(rows) < TAIL_POSTS or len(kept) >= limit:
                return kept[:limit]
            low, high = (rows[-1].entry_id, high) if page.upwards else (low, rows[-1].entry_id)

    async def _tail(self, author_id: int) -> _Tail:
        async with self._locks[author_id % _LOCKS]:
            now = self._clock.monotonic()
            known = self._tails.get(author_id)
            if known is not None and known.ends > now:  # Somebody has read it while this one waited.
                return known
            TAIL_READS.labels("tail").inc()
            self._news[author_id] = 0
            try:
                rows = await self._repository.older(author_id, MAX_ID, 0, TAIL_POSTS)
            finally:
                is_news = self._news.pop(author_id) > 0
            keys = array("Q", [row.entry_id << 1 | (row.reason is Reason.REBLOG) for row in reversed(rows)])
            newest = rows[0].entry_id if rows else 0
            tail = _Tail(now + TAIL_SECONDS, keys, newest, len(rows) < TAIL_POSTS)
            if not is_news:
                self._keep(author_id, tail)
            return tail

    def _keep(self, author_id: int, tail: _Tail) -> None:
        self._tails[author_id] = tail
        self._tails.move_to_end(author_id)
        if len(self._tails) > MOST_TAILS:
            self._tails.popitem(last=False)


class MergedHomes:
    """Pages of homes, each post once: what was delivered before its author had so many followers stays as it is."""

    def __init__(self, modes: Modes, windows: WindowRepository, tails: AuthorTails) -> None:
        self._modes = modes
        self._windows = windows
        self._tails = tails

    async def refresh(self) -> None:
        """To be called before pages are read."""
        await self._modes.refresh_if_possible()

    def among(self, following: Following) -> MergedFollows:
        """Those of them whose posts are merged."""
        return self._modes.among(following)

    def has_nobody(self, known: MergedFollows) -> bool:
        """Whether it is known by now that a reader follows nobody who is merged."""
        return known.generation >= self._modes.generation and not known.following.authors

    async def followed(self, reader_id: int, known: MergedFollows) -> Following | None:
        """Those whom the reader follows: as Redis knows it, with those of whom anything was decided since. None if
        Redis knows it no longer."""
        while known.generation < self._modes.generation:
            authors, reached = self._modes.since(known.generation, _ASKED_AT_ONCE)
            try:
                found = await self._windows.find_merged(reader_id, known.generation, reached, authors)
            except RedisUnavailable as error:
                log.warning("home.merged_not_found", reason=error.reason)
                return None
            if found.generation <= known.generation:  # Its follows have just changed.
                return None
            known = found
        return known.following

    async def join(self, page: PageQuery, home: HomePage, followed: Following) -> HomePage:
        """The page with its share of these authors' posts; without them where they cannot be read."""
        if not followed.authors:
            return home
        is_bound = home.more and home.entries and not page.upwards
        low = max(page.low, home.entries[-1].entry_id) if is_bound else page.low
        try:
            found = await self._tails.entries(followed, page, low)
        except AppError as error:
            log.warning("home.without_merged", reason=error.reason)
            return home
        return joined(page, home, found) if found else home

    async def entries(self, followed: Following, page: PageQuery, low: int) -> list[Entry]:
        """What a page may show of these authors above `low`, in no order. Raises Unavailable."""
        return await self._tails.entries(followed, page, low) if followed.authors else []


def _is_wanted(entry: Entry, followed: Following) -> bool:
    return entry.reason is not Reason.REBLOG or entry.author_id not in followed.without_reblogs
