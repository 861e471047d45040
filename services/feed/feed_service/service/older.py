"""What homes have beyond what is stored of them: merged from the authors' own timelines, which post has whole."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Final, Protocol, TypeVar

from feed_service.metrics import OLDER_READS
from feed_service.models import HISTORY_DAYS, Entry, Following, Found, Span, Stretch
from feed_service.placement import DAY_MS, first_id_of
from feed_service.repository.stretches import StretchRepository
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.errors import AppError, NotOffered
from rookery_common.logs import get_logger

# Merged at a time, and kept for the next pages.
MERGED_ENTRIES: Final = 200
AUTHORS_PER_CALL: Final = 500
# Of one merge, and of all that a process makes at once.
CALLS_OF_A_MERGE: Final = 4
CALLS_AT_ONCE: Final = 8
log = get_logger()
T = TypeVar("T")
Reader = Callable[[Span, int], Awaitable[Found]]


class AuthorsPosts(Protocol):
    """Where the posts of at most `AUTHORS_PER_CALL` authors are asked for, as entries of a home of who follows them."""

    async def posts_of(self, reader_id: int, author_ids: Sequence[int], span: Span, most: int) -> Found: ...


class OlderEntries:
    """Authors' own timelines as one. However many authors there are, little more is read than is kept: those who are
    asked later are asked only for what is nearer than what was found already."""

    def __init__(self, posts: AuthorsPosts, stretches: StretchRepository, clock: Clock) -> None:
        self._posts = posts
        self._stretches = stretches
        self._clock = clock
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)

    def begins(self) -> int:
        """What is stored is whole from this id on."""
        return first_stored_id(self._clock)

    async def read(self, reader_id: int, followed: Following, span: Span, wanted: int) -> Found:
        """At most so many of these authors' entries, fewer only at the span's end; none where post is of a release that
        does not tell. Raises AppError."""
        if not followed.authors:
            return Found([])
        name, found = _name(followed), list[Entry]()
        while True:
            try:
                part = await self._part(reader_id, name, followed, span, wanted - len(found))
            except NotOffered:
                log.warning("older.not_offered")
                return Found(found)
            found += part.entries
            if len(found) >= wanted or not part.reached_id:
                return Found(found, part.reached_id)
            span = span.beyond(part.reached_id)

    async def _part(self, reader_id: int, name: str, followed: Following, span: Span, wanted: int) -> Found:
        kept = await self._kept(reader_id, name)
        found = kept.first_of(span, wanted) if kept else None
        if found is not None and (len(found.entries) == wanted or not found.reached_id):
            OLDER_READS.labels("kept").inc()
            return found
        OLDER_READS.labels("merged").inc()
        stretch = await self.merge(reader_id, followed, span, max(wanted, MERGED_ENTRIES))
        await self._keep(reader_id, name, stretch)
        return stretch.first_of(span, wanted) or Found([])

    async def merge(self, reader_id: int, followed: Following, span: Span, most: int) -> Stretch:
        """From where the span begins on, at most so many entries. Raises AppError; NotOffered where post is of a
        release that does not tell."""
        stretch = Stretch(span.above, span.below, [])
        calls = _parts(sorted(followed.authors), AUTHORS_PER_CALL)
        for wave in _parts(calls, CALLS_OF_A_MERGE):
            left = Span(stretch.above, stretch.below, span.upwards)
            parts = await asyncio.gather(*(self._ask(reader_id, authors, left, most) for authors in wave))
            found = [entry for part in parts for entry in part.entries if followed.shows(reader_id, entry)]
            reached = [part.reached_id for part in parts if part.reached_id]
            stretch = _cut(left, [*stretch.entries, *found], reached, most)
        return stretch

    async def _ask(self, reader_id: int, author_ids: Sequence[int], span: Span, most: int) -> Found:
        async with self._slots:
            return await self._posts.posts_of(reader_id, author_ids, span, most)

    async def _kept(self, reader_id: int, name: str) -> Stretch | None:
        try:
            return await self._stretches.find(reader_id, name)
        except RedisUnavailable as error:
            log.warning("older.not_found", reason=error.reason)
            return None

    async def _keep(self, reader_id: int, name: str, stretch: Stretch) -> None:
        try:
            await self._stretches.keep(reader_id, name, stretch)
        except RedisUnavailable as error:
            log.warning("older.not_kept", reason=error.reason)


def first_stored_id(clock: Clock) -> int:
    """That of the second day whose entries are stored yet, for the first is ending."""
    return first_id_of(clock.unix_ms() // DAY_MS - HISTORY_DAYS + 1)


async def read_both(span: Span, begins: int, wanted: int, stored: Reader, older: Reader) -> Found:
    """A span of what is stored from the id `begins` on, and of what is older than that: no entry is in both, and
    between them is nothing. Where `older` fails behind entries that are stored, these are a page, and there is more."""
    parts = [(stored, Span(max(span.above, begins - 1), span.below, span.upwards))]
    parts.insert(0 if span.upwards else 1, (older, Span(span.above, min(span.below, begins), span.upwards)))
    found: list[Entry] = []
    for read, part in parts:
        if part.above + 1 >= part.below:
            continue
        try:
            more = await read(part, wanted - len(found))
        except AppError as error:
            if not found:
                raise
            log.warning("older.not_read", reason=error.reason)
            return Found(found, found[-1].entry_id)
        found += more.entries
        if more.reached_id or len(found) >= wanted:
            return Found(found, more.reached_id)
    return Found(found)


def _cut(span: Span, entries: Sequence[Entry], reached: Sequence[int], most: int) -> Stretch:
    """As far as all have looked, and at most so many from where the span begins."""
    above, below = span.above, span.below
    if span.upwards:
        below = min([below, *(each + 1 for each in reached)])
    else:
        above = max([above, *(each - 1 for each in reached)])
    ordered = sorted((entry for entry in entries if above < entry.entry_id < below), reverse=not span.upwards)
    if len(ordered) > most:
        ordered = ordered[:most]
        last = ordered[-1].entry_id
        above, below = (above, last + 1) if span.upwards else (last - 1, below)
    return Stretch(above, below, ordered[::-1] if span.upwards else ordered)


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _name(followed: Following) -> str:
    """Of these authors, told by whom a reader follows now: what was merged before a follow is not found after it."""
    digest = blake2b(array("q", sorted(followed.authors)), digest_size=12)
    digest.update(array("q", [0, *sorted(followed.without_reblogs)]))
    return digest.hexdigest()
