"""What is in Redis' cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from feed_fakes.store import Store, Window
from feed_service.follow_models import Follower
from feed_service.models import NOBODY_MERGED, Delivery, Entry, Following, MergedFollows, Stretch
from feed_service.ranking import Ranked
from feed_service.repository.rankings import RankingRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.stretches import StretchRepository
from feed_service.repository.windows import (
    WINDOW_ENTRIES,
    WINDOW_SLACK,
    Missing,
    WindowPage,
    WindowQuery,
    WindowRepository,
)


class MemoryRankings(RankingRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, reader_id: int, ranked: Sequence[Ranked]) -> str:
        self._store.ask("cache", "ranking_write")
        name = f"r{next(self._store.tokens)}"
        self._store.rankings[reader_id, name] = list(ranked)
        return name

    async def find(self, reader_id: int, name: str) -> list[Ranked] | None:
        self._store.ask("cache", "ranking_read")
        return self._store.rankings.get((reader_id, name))


class MemoryStretches(StretchRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, reader_id: int, authors: str, stretch: Stretch) -> None:
        self._store.ask("cache", "stretch_write")
        self._store.stretches[reader_id, authors] = stretch

    async def find(self, reader_id: int, authors: str) -> Stretch | None:
        self._store.ask("cache", "stretch_read")
        return self._store.stretches.get((reader_id, authors))


class MemorySeen(SeenRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def days(self, reader_ids: Sequence[int]) -> dict[int, int]:
        self._store.ask("cache", "seen_read")
        return {reader_id: self._store.seen[reader_id] for reader_id in reader_ids if reader_id in self._store.seen}

    async def note(self, reader_id: int, day: int) -> list[int]:
        self._store.ask("cache", "seen_write")
        before = self._store.seen.get(reader_id)
        self._store.seen[reader_id] = day
        return [] if before is None else [before]

    async def learn(self, days: Mapping[int, int]) -> None:
        self._store.ask("cache", "seen_write")
        for reader_id, day in days.items():
            self._store.seen.setdefault(reader_id, day)

    async def forget(self, reader_id: int) -> None:
        self._store.ask("cache", "seen_write")
        self._store.seen.pop(reader_id, None)


class MemoryWindows(WindowRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def push(self, deliveries: Iterable[Delivery]) -> int:
        self._store.ask("cache")
        pushed = 0
        for reader_id, entry in deliveries:
            window = self._store.windows.get(reader_id)
            if window is None or (not window.token and entry.entry_id < window.floor):
                continue
            pushed += entry.entry_id not in window.entries
            window.entries[entry.entry_id] = entry
            if not window.token:
                window.trim(WINDOW_ENTRIES + WINDOW_SLACK)
        return pushed

    async def read(self, queries: Sequence[WindowQuery]) -> list[WindowPage | Missing]:
        self._store.ask("cache", "windows_read")
        return [self._page(query) for query in queries]

    def _page(self, query: WindowQuery) -> WindowPage | Missing:
        following = self._store.followings.get(query.reader_id, "")
        window = self._store.windows.get(query.reader_id)
        if isinstance(following, str):
            return Missing.FOLLOWING
        if window is None or window.token:
            return Missing.WINDOW
        low, high = max(query.page.low + 1, window.floor), query.page.high
        ids = sorted((i for i in window.entries if low <= i < high), reverse=not query.page.upwards)
        shown = [window.entries[i] for i in ids if following.shows(query.reader_id, window.entries[i])]
        merged = self._store.merged.get(query.reader_id, MergedFollows())
        return WindowPage(window.floor, shown[: query.wanted], merged)

    async def begin_fill(self, reader_id: int) -> str:
        self._store.ask("cache")
        if reader_id not in self._store.windows:
            self._store.windows[reader_id] = Window(token=f"t{next(self._store.tokens)}")
        return self._store.windows[reader_id].token

    async def finish_fill(self, reader_id: int, token: str, entries: Sequence[Entry], floor: int) -> bool:
        self._store.ask("cache")
        window = self._store.windows.get(reader_id)
        if window is None or window.token != token:
            return False
        window.entries |= {entry.entry_id: entry for entry in entries}
        window.entries = {entry_id: entry for entry_id, entry in window.entries.items() if entry_id >= floor}
        window.token, window.floor = "", floor
        window.trim(WINDOW_ENTRIES)
        return True

    async def begin_following(self, reader_id: int) -> str:
        self._store.ask("cache")
        known = self._store.followings.setdefault(reader_id, f"t{next(self._store.tokens)}")
        return known if isinstance(known, str) else ""

    async def finish_following(
        self, reader_id: int, token: str, following: Following, merged: MergedFollows = NOBODY_MERGED
    ) -> bool:
        self._store.ask("cache")
        if self._store.followings.get(reader_id) != token:
            return False
        self._store.followings[reader_id] = following
        self._store.merged[reader_id] = merged
        return True

    async def find_merged(self, reader_id: int, known: int, reached: int, author_ids: Sequence[int]) -> MergedFollows:
        self._store.ask("cache", "merged_find")
        following = self._store.followings.get(reader_id, "")
        merged = self._store.merged.get(reader_id, MergedFollows())
        if isinstance(following, str):
            return MergedFollows()
        if merged.generation == known:
            authors = merged.following.authors | following.authors.intersection(author_ids)
            merged = MergedFollows(reached, Following(authors, following.without_reblogs & authors))
            self._store.merged[reader_id] = merged
        return merged

    async def who_follows(self, author_id: int, reader_ids: Sequence[int]) -> tuple[list[Follower], list[int]]:
        self._store.ask("cache", "who_follows")
        known = {reader_id: self._store.followings.get(reader_id, "") for reader_id in reader_ids}
        followers = [
            Follower(reader_id, author_id not in following.without_reblogs)
            for reader_id, following in known.items()
            if isinstance(following, Following) and author_id in following.authors
        ]
        return followers, [reader_id for reader_id, following in known.items() if isinstance(following, str)]

    async def forget_following(self, reader_id: int) -> None:
        self._store.ask("cache")
        self._store.followings.pop(reader_id, None)
        self._store.merged.pop(reader_id, None)

    async def forget_below(self, reader_id: int, floor: int) -> None:
        self._store.ask("cache")
        window = self._store.windows.get(reader_id)
        if window is not None and (window.token or window.floor < floor):
            del self._store.windows[reader_id]

    async def readers(self, most: int) -> AsyncIterator[list[int]]:
        self._store.ask("cache")
        found = list(self._store.windows)
        for first in range(0, len(found), most):
            yield found[first : first + most]

    async def forget(self, reader_id: int) -> None:
        await self.forget_following(reader_id)
        self._store.windows.pop(reader_id, None)

    async def forget_everything(self) -> None:
        """A flushed Redis."""
        self._store.windows.clear()
        self._store.followings.clear()
        self._store.merged.clear()
        self._store.stretches.clear()
        self._store.seen.clear()
