"""What accounts have done with posts, in CQL: by account and week, so that a page of posts costs a read or two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from post_service.models import Bookmark, MarkedPost, MarkKind, PostMarks
from post_service.repository.marked import marked_rows
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.ids import EPOCH_MS, ms_of

WEEK_MS = 7 * 24 * 3600 * 1000
MAX_SHEET_MARKS = 500
"""An account's marks of a week are kept together in the cache up to this many, the newest posts' first."""


PINS = -1
"""In the place of a week's number: what the account has pinned, of whatever week."""


class Week(NamedTuple):
    """An account's marks of posts of one week are one partition, and one sheet in the cache."""

    account_id: int
    number: int


class Sheet(NamedTuple):
    """An account's marks of a week's posts: all of those from `floor` on."""

    marks: dict[int, PostMarks]
    floor: int = 0


class ThreadMute(NamedTuple):
    """That an account wants to be told of nothing in a thread, or did."""

    thread_id: int
    account_id: int
    active: bool = False
    version: int = 0


class MarkRepository:
    """Reads marks, and keeps bookmarks, which nobody else is told of."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def sheets(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        """The sheets of these weeks, and those of pins."""
        marked = [week for week in weeks if week.number != PINS]
        pinned = [week for week in weeks if week.number == PINS]
        pages, pins = await asyncio.gather(
            self._cql.many("marks_page", [(*week, MAX_SHEET_MARKS) for week in marked]),
            self._cql.many("pins_of", [(week.account_id,) for week in pinned]),
        )
        sheets = {week: _sheet(rows) for week, rows in zip(marked, pages, strict=True)}
        return sheets | {week: _pinned(rows) for week, rows in zip(pinned, pins, strict=True)}

    async def of_posts(self, week: Week, post_ids: Iterable[int]) -> dict[int, PostMarks]:
        """The marks of single posts of the week: for those below a sheet's floor."""
        rows = await self._cql.execute("marks_of", (*week, list(post_ids)))
        return {row.post_id: _marks(row) for row in rows}

    async def find_bookmark(self, account_id: int, post_id: int) -> Bookmark:
        """The bookmark as stored; one of version 0 if there never was any."""
        rows = await self._cql.execute("bookmark_get", (*week_of(account_id, post_id), post_id))
        if not rows:
            return Bookmark(post_id, account_id)
        row = rows[0]
        return Bookmark(
            post_id, account_id, bool(row.bookmarked), row.bookmark_version or 0, mark_id=row.bookmark_id or 0
        )

    async def put_bookmark(self, bookmark: Bookmark) -> None:
        """The bookmark and its row in the account's list, in one logged batch."""
        week, version = week_of(bookmark.account_id, bookmark.post_id), bookmark.version
        values = (*week, bookmark.post_id, bookmark.active, version, bookmark.mark_id, version)
        await self._cql.batch([("mark_bookmark", values), *marked_rows(bookmark)])

    async def find_mute(self, account_id: int, thread_id: int) -> ThreadMute:
        """The mute as stored; one of version 0 if there never was any."""
        rows = await self._cql.execute("mute_get", (*week_of(account_id, thread_id), thread_id))
        if not rows:
            return ThreadMute(thread_id, account_id)
        return ThreadMute(thread_id, account_id, bool(rows[0].muted), rows[0].mute_version or 0)

    async def put_mute(self, mute: ThreadMute) -> None:
        week = week_of(mute.account_id, mute.thread_id)
        await self._cql.execute("mark_mute", (*week, mute.thread_id, mute.active, mute.version, mute.version))

    async def kept(self, account_id: int, weeks: Sequence[int], limit: int) -> list[tuple[Week, int, PostMarks]]:
        """Up to `limit` of an account's marks with their posts' ids, in each week the newest posts' first; also such as
        hold no more."""
        rows = await self._cql.execute("marks_kept", (account_id, weeks, limit))
        return [(Week(account_id, row.bucket), row.post_id, _marks(row)) for row in rows]

    async def forget(self, week: Week, from_id: int, version: int) -> None:
        """All marks of the week's posts from this one on."""
        await self._cql.execute("marks_forget", (version, *week, from_id))

    async def held(self, account_id: int, kind: MarkKind, marked: Sequence[MarkedPost]) -> list[MarkedPost]:
        """Those entries of a list that the account's marks name, in this order."""
        weeks: dict[Week, list[int]] = {}
        for each in marked:
            weeks.setdefault(week_of(account_id, each.post_id), []).append(each.post_id)
        pages = await self._cql.many("mark_ids_of", [(*week, post_ids) for week, post_ids in weeks.items()])
        rows = [row for page in pages for row in page]
        if kind is MarkKind.FAVOURITE:
            named = {MarkedPost(row.favourite_id, row.post_id) for row in rows if row.favourited}
        else:
            named = {MarkedPost(row.bookmark_id, row.post_id) for row in rows if row.bookmarked}
        return [each for each in marked if each in named]


def week_of(account_id: int, post_id: int) -> Week:
    """Where an account's marks of a post are, by the time in the post's id."""
    return Week(account_id, week_number(post_id))


def week_number(post_id: int) -> int:
    """The week in which a post was made, counted from the first id."""
    return (ms_of(post_id) - EPOCH_MS) // WEEK_MS


def mark_row(account_id: int, post_id: int, active: bool, version: int) -> Args:
    """The arguments of `mark_reblog`."""
    return (*week_of(account_id, post_id), post_id, active, version)


def _sheet(rows: Sequence[Row]) -> Sheet:
    floor = rows[-1].post_id if len(rows) == MAX_SHEET_MARKS else 0
    return Sheet({row.post_id: marks for row in rows if any(marks := _marks(row))}, floor)


def _pinned(rows: Sequence[Row]) -> Sheet:
    return Sheet({row.post_id: PostMarks(pinned=True) for row in rows if row.post_id is not None})


def _marks(row: Row) -> PostMarks:
    return PostMarks(bool(row.favourited), bool(row.reblogged), bool(row.bookmarked), muted=bool(row.muted))
