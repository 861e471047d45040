"""Marks, their lists and the caches, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from post_fakes.store import Store
from post_service.models import (
    Bookmark,
    CountedPost,
    Fact,
    FactKind,
    MarkedPost,
    MarkKind,
    Pinned,
    PostCounts,
    PostMarks,
    PostState,
)
from post_service.repository.cache import PostCache
from post_service.repository.mark_cache import MarkCache
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import PINS, MarkRepository, Sheet, ThreadMute, Week, week_of


class MemoryMarks(MarkRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def sheets(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        self._store.require("cql")
        keys = {(account, post) for _, post, account in self._store.facts} | self._store.bookmarks.keys()
        keys |= self._store.mutes.keys()
        sheets = {week: Sheet({}) for week in weeks}
        for account_id, post_id in keys:
            if week_of(account_id, post_id) in sheets and any(marks := self._of(account_id, post_id)):
                sheets[week_of(account_id, post_id)].marks[post_id] = marks
        for week in weeks:
            if week.number == PINS:
                pinned = self._store.pins.get(week.account_id, Pinned())
                sheets[week].marks.update(dict.fromkeys(pinned.post_ids, PostMarks(pinned=True)))
        return sheets

    def _of(self, account_id: int, post_id: int) -> PostMarks:
        facts, bookmark = self._store.facts, self._store.bookmarks.get((account_id, post_id))
        favourited, reblogged = (
            facts.get((kind, post_id, account_id)) for kind in (FactKind.FAVOURITE, FactKind.REBLOG)
        )
        marks = PostMarks(*(held is not None and held.active for held in (favourited, reblogged, bookmark)))
        mute = self._store.mutes.get((account_id, post_id))
        return marks._replace(muted=mute is not None and mute.active)

    async def find_bookmark(self, account_id: int, post_id: int) -> Bookmark:
        return self._store.bookmarks.get((account_id, post_id), Bookmark(post_id, account_id))

    async def put_bookmark(self, bookmark: Bookmark) -> None:
        self._store.bookmarks[bookmark.account_id, bookmark.post_id] = bookmark

    async def find_mute(self, account_id: int, thread_id: int) -> ThreadMute:
        return self._store.mutes.get((account_id, thread_id), ThreadMute(thread_id, account_id))

    async def put_mute(self, mute: ThreadMute) -> None:
        self._store.mutes[mute.account_id, mute.thread_id] = mute

    async def kept(self, account_id: int, weeks: Sequence[int], limit: int) -> list[tuple[Week, int, PostMarks]]:
        """What holds, and mutes and bookmarks that held."""
        asked = [Week(account_id, number) for number in weeks]
        found = await self.sheets(asked)
        for key in self._store.bookmarks.keys() | self._store.mutes.keys():
            if (week := week_of(*key)) in found:
                found[week].marks.setdefault(key[1], PostMarks())
        rows = [(week, *each) for week in asked for each in sorted(found[week].marks.items(), reverse=True)]
        return rows[:limit]

    async def forget(self, week: Week, from_id: int, version: int) -> None:
        """A fact ceases to be a mark by being withdrawn."""
        for kept in (self._store.bookmarks, self._store.mutes):
            for key in [key for key in kept if week_of(*key) == week and key[1] >= from_id]:
                del kept[key]

    async def held(self, account_id: int, kind: MarkKind, marked: Sequence[MarkedPost]) -> list[MarkedPost]:
        """The lists are made of what holds."""
        return list(marked)


class MemoryLists(MarkedRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, account_id: int, kind: MarkKind, above: int, below: int, limit: int, *, newest: bool = True
    ) -> list[MarkedPost]:
        self._store.require("cql")
        marks: list[Fact | Bookmark] = [f for f in self._store.facts.values() if f.kind is FactKind.FAVOURITE]
        if kind is MarkKind.BOOKMARK:
            marks = list(self._store.bookmarks.values())
        found = [MarkedPost(m.mark_id, m.post_id) for m in marks if m.account_id == account_id and m.active]
        return sorted((m for m in found if above < m.mark_id < below), reverse=newest)[:limit]

    async def forget(self, account_id: int, version: int) -> None:
        """The lists are made of what holds."""


class MemoryCache(PostCache):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, post_ids: Sequence[int]) -> dict[int, CountedPost]:
        if "redis" in self._store.away:
            return {}
        cached = self._store.cached
        return {post_id: cached[post_id][0] for post_id in post_ids if post_id in cached}

    async def put(self, counted: CountedPost, stamp: int) -> None:
        if "redis" not in self._store.away:
            await self.overwrite(counted, stamp)

    async def overwrite(self, counted: CountedPost, stamp: int) -> None:
        self._store.require("redis")
        held, stamp = self._store.cached.get(counted.post.post_id, (counted, stamp))
        was_deleted, is_deleted = (post.state == PostState.DELETED for post in (held.post, counted.post))
        if (is_deleted, counted.post.version) >= (was_deleted, held.post.version):
            self._store.cached[counted.post.post_id] = (CountedPost(counted.post, held.counts), stamp)

    async def put_counts(self, post_id: int, counts: PostCounts, stamp: int) -> None:
        held = self._store.cached.get(post_id)
        if "redis" not in self._store.away and held is not None and held[1] <= stamp:
            self._store.cached[post_id] = (CountedPost(held[0].post, counts), stamp)

    async def fill(self, posts: Iterable[CountedPost], stamp: int) -> None:
        if "redis" not in self._store.away:
            for counted in posts:
                self._store.cached.setdefault(counted.post.post_id, (counted, stamp))


class MemoryMarkCache(MarkCache):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_many(self, weeks: Sequence[Week]) -> dict[Week, Sheet]:
        held = {} if "redis" in self._store.away else self._store.sheets
        return {week: held[week][0] for week in weeks if week in held}

    async def put(self, sheets: Mapping[Week, Sheet], stamp: int) -> None:
        for week, sheet in sheets.items():
            if "redis" not in self._store.away and stamp >= self._store.sheets.get(week, (sheet, 0))[1]:
                self._store.sheets[week] = (sheet, stamp)
