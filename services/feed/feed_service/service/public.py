"""Timelines that are the same for everybody: all public posts, and those with a hashtag."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

from feed_service.errors import WrongLimit, WrongTags
from feed_service.models import (
    MAX_PAGE,
    PUBLIC,
    Entry,
    LiveUpdate,
    PublicChange,
    PublicEntry,
    PublicPage,
    PublicQuery,
    Reason,
    tag_timeline,
)
from feed_service.placement import channel_id
from feed_service.repository.public import PublicRepository
from rookery_common.hashtags import normalized_tag
from rookery_common.live.announcer import Announcer

MAX_TAGS: Final = 5
MAX_TAG_CHARS: Final = 100
# Posts read at a time of each timeline, and in all before a page is answered short: what is left out was read too.
SCAN_ROWS: Final = 100
MAX_SCAN_ROWS: Final = 2_000
# Where nothing was found by then, nothing is answered but where to go on: anybody may ask for what there is none of.
MAX_VAIN_ROWS: Final = 20_000


class PublicTimelines:
    """Keeps them, and answers pages of them. What may no longer be seen is left out when its post is asked for."""

    def __init__(self, repository: PublicRepository, live: Announcer[LiveUpdate]) -> None:
        self._repository = repository
        self._live = live

    async def apply(self, changes: Sequence[PublicChange]) -> None:
        """Of each post the newest change counts; streams are told of all, of each once for all who listen.

        Raises Unavailable: then it is to be done again.
        """
        newest = {change.entry.post_id: change for change in sorted(changes, key=attrgetter("version"))}
        known = {change.entry.post_id for change in changes if change.is_known}
        if newest:
            had = await self._repository.put([_as_known(change, known) for change in newest.values()])
            await self._live.tell([_news(change, had.get(change.entry.post_id, ())) for change in changes])

    async def page(self, query: PublicQuery) -> PublicPage:
        """Newest first. Raises WrongLimit or WrongTags."""
        if not 1 <= query.page.limit <= MAX_PAGE:
            raise WrongLimit(MAX_PAGE)
        timelines = [tag_timeline(tag) for tag in sorted(query.any_tags)] or [PUBLIC]
        low, high, upwards = query.page.low, query.page.high, query.page.upwards
        found, scanned, more = list[PublicEntry](), 0, True
        while more and len(found) <= query.page.limit and scanned < (MAX_SCAN_ROWS if found else MAX_VAIN_ROWS):
            rows, more = await self._slice(timelines, low, high, upwards=upwards)
            found += filter(query.takes, rows)
            scanned += len(rows)
            if rows and upwards:
                low = rows[-1].post_id
            elif rows:
                high = rows[-1].post_id
        shown = [Entry(post.post_id, post.author_id, Reason.PUBLIC) for post in found[: query.page.limit]]
        is_full = len(found) > query.page.limit
        reached_id = 0 if is_full or not more else low if upwards else high
        return PublicPage(shown[::-1] if upwards else shown, more or is_full, reached_id)

    async def _slice(
        self, timelines: Sequence[str], low: int, high: int, *, upwards: bool
    ) -> tuple[list[PublicEntry], bool]:
        """The next posts of all the timelines in one order, each once, and whether there are more."""
        read = self._repository.newer if upwards else self._repository.older
        parts = await asyncio.gather(*(read(timeline, high, low, SCAN_ROWS) for timeline in timelines))
        rows = {post.post_id: post for part in parts for post in part}
        # Beyond where the first of them breaks off, another's posts may have some of its own between them.
        ends = [part[-1].post_id for part in parts if len(part) == SCAN_ROWS]
        if upwards:
            return [rows[key] for key in sorted(rows) if not ends or key <= min(ends)], bool(ends)
        return [rows[key] for key in sorted(rows, reverse=True) if not ends or key >= max(ends)], bool(ends)


def checked_tags(field: str, tags: Iterable[str], most: int = MAX_TAGS) -> frozenset[str]:
    """Hashtags as they are compared. Raises WrongTags."""
    found = frozenset(map(normalized_tag, tags))
    if len(found) > most or any(not 0 < len(tag) <= MAX_TAG_CHARS for tag in found):
        raise WrongTags(field, most)
    return found


def _as_known(change: PublicChange, known: set[int]) -> PublicChange:
    """What one of a post's changes has to take back, the newest one does."""
    if change.entry.post_id not in known or change.is_known:
        return change
    return PublicChange(change.entry, change.version, change.shown, change.is_answer, is_known=True)


def _news(change: PublicChange, had: Iterable[str]) -> tuple[list[int], LiveUpdate]:
    update = LiveUpdate(change.live_kind, change.entry.post_id, change.entry.author_id)
    return list(map(channel_id, change.channels(had))), update
