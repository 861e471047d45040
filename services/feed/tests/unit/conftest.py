"""In-memory stand-ins. The tests that run over them, and as links in tests/engine over engines, keep them honest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest

from feed_service.models import (
    PUBLIC,
    Delivery,
    Entry,
    Follow,
    Follower,
    Following,
    LiveUpdate,
    Mark,
    MarkChange,
    PublicChange,
    PublicEntry,
    tag_timeline,
)
from feed_service.placement import seconds_to_live
from feed_service.ranking import Ranked
from feed_service.repository.follows import FollowerCursor, FollowRepository
from feed_service.repository.live import UPDATES
from feed_service.repository.marks import MarkRepository
from feed_service.repository.public import PublicRepository
from feed_service.repository.rankings import RankingRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.windows import (
    WINDOW_ENTRIES,
    WINDOW_SLACK,
    Missing,
    WindowPage,
    WindowQuery,
    WindowRepository,
)
from rookery_common.clients.cassandra import CqlUnavailable
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.testing import FakeClock
from rookery_common.testing.live import MemoryStreams

_AWAY = {"cql": CqlUnavailable, "cache": RedisUnavailable, "state": RedisUnavailable}


@dataclass
class Window:
    token: str = ""
    floor: int = 0
    entries: dict[int, Entry] = field(default_factory=dict)

    def trim(self, most: int) -> None:
        if len(self.entries) > most:
            kept = sorted(self.entries)[-WINDOW_ENTRIES:]
            self.entries = {entry_id: self.entries[entry_id] for entry_id in kept}
            self.floor = kept[0]


@dataclass
class Store:
    """What the engines hold, which of them are away, and how often they were asked."""

    timelines: dict[int, dict[int, Entry]] = field(default_factory=dict)
    follows: dict[tuple[int, int], Follow] = field(default_factory=dict)
    public: dict[int, PublicChange] = field(default_factory=dict)
    public_tags: dict[int, set[str]] = field(default_factory=dict)
    windows: dict[int, Window] = field(default_factory=dict)
    followings: dict[int, Following | str] = field(default_factory=dict)
    marks: dict[tuple[int, int, int], MarkChange] = field(default_factory=dict)
    forgotten: set[tuple[int, int]] = field(default_factory=set)
    rankings: dict[tuple[int, str], list[Ranked]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    tokens: count[int] = field(default_factory=count)

    def ask(self, engine: str, what: str = "") -> None:
        if engine in self.away:
            raise _AWAY[engine](f"{engine} is away")
        self.reads.append(what or engine)


class MemoryTimelines(TimelineRepository):
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def add(self, deliveries: Iterable[Delivery]) -> None:
        self._store.ask("cql", "timeline_write")
        for reader_id, entry in deliveries:
            if seconds_to_live(entry.entry_id, self._clock.unix_ms()) > 0:
                self._store.timelines.setdefault(reader_id, {})[entry.entry_id] = entry

    async def older(self, reader_id: int, below: int, above: int, limit: int) -> list[Entry]:
        return self._between(reader_id, below, above)[::-1][:limit]

    async def newer(self, reader_id: int, below: int, above: int, limit: int) -> list[Entry]:
        return self._between(reader_id, below, above)[:limit]

    async def forget(self, reader_id: int) -> None:
        self._store.ask("cql", "timeline_write")
        self._store.timelines.pop(reader_id, None)

    def _between(self, reader_id: int, below: int, above: int) -> list[Entry]:
        self._store.ask("cql", "timeline_read")
        rows = self._store.timelines.get(reader_id, {})
        return [rows[entry_id] for entry_id in sorted(rows) if above < entry_id < below]


class MemoryFollows(FollowRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, follow: Follow) -> None:
        self._store.ask("cql", "follow_write")
        key = (follow.reader_id, follow.author_id)
        known = self._store.follows.get(key)
        if known is None or known.version <= follow.version:
            self._store.follows[key] = follow
        self._store.forgotten.discard(key)

    async def put_all(self, follows: Sequence[Follow]) -> None:
        for follow in follows:
            await self.put(follow)

    async def forget_followers(self, author_id: int) -> None:
        self._store.ask("cql", "follow_write")
        self._store.forgotten |= {ends for ends in self._store.follows if ends[1] == author_id}

    async def following(self, reader_id: int) -> Following:
        self._store.ask("cql", "following_read")
        found = [f for f in self._store.follows.values() if f.reader_id == reader_id and f.active]
        return Following(
            frozenset(follow.author_id for follow in found),
            frozenset(follow.author_id for follow in found if not follow.reblogs),
        )

    async def who_follows(self, author_id: int, reader_ids: Iterable[int]) -> list[int]:
        self._store.ask("cql")
        found = [(reader_id, self._store.follows.get((reader_id, author_id))) for reader_id in reader_ids]
        return [reader_id for reader_id, follow in found if follow is not None and follow.active]

    async def next_followers(self, cursor: FollowerCursor, limit: int) -> list[Follower]:
        self._store.ask("cql")
        known = self._store.follows.keys() - self._store.forgotten
        found = sorted(reader_id for reader_id, author_id in known if author_id == cursor.author_id)
        page = [reader_id for reader_id in found if reader_id > cursor.after][:limit]
        cursor.after = page[-1] if page else cursor.after
        if len(page) < limit:  # All are in one bucket here.
            cursor.bucket, cursor.after, cursor.done = cursor.bucket + 1, 0, True
        follows = [self._store.follows[reader_id, cursor.author_id] for reader_id in page]
        return [Follower(follow.reader_id, follow.reblogs) for follow in follows if follow.active]


class MemoryPublic(PublicRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, changes: Sequence[PublicChange]) -> dict[int, Iterable[str]]:
        self._store.ask("cql", "public_write")
        had: dict[int, Iterable[str]] = {}
        for change in changes:
            post_id = change.entry.post_id
            tags = self._store.public_tags.setdefault(post_id, set())
            if change.is_known:
                had[post_id] = frozenset(tags)
            if change.shown:
                tags |= change.entry.tags
            known = self._store.public.get(post_id)
            if known is None or known.version <= change.version:
                self._store.public[post_id] = change
        return had

    async def older(self, timeline: str, below: int, above: int, limit: int) -> list[PublicEntry]:
        return self._public_between(timeline, below, above)[::-1][:limit]

    async def newer(self, timeline: str, below: int, above: int, limit: int) -> list[PublicEntry]:
        return self._public_between(timeline, below, above)[:limit]

    def _public_between(self, timeline: str, below: int, above: int) -> list[PublicEntry]:
        self._store.ask("cql", "public_read")
        shown = [change for _, change in sorted(self._store.public.items()) if change.shown]
        return [
            change.entry
            for change in shown
            if above < change.entry.post_id < below
            and (not change.is_answer if timeline == PUBLIC else timeline in map(tag_timeline, change.entry.tags))
        ]


class MemoryMarks(MarkRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, changes: Sequence[MarkChange]) -> None:
        for change in changes:
            self._store.ask("cql", "mark_write")
            key = (change.reader_id, change.mark.mark_id, change.mark.kind)
            known = self._store.marks.get(key)
            if known is None or known.version <= change.version:
                self._store.marks[key] = change

    async def newest(self, reader_id: int, limit: int) -> list[Mark]:
        self._store.ask("cql", "mark_read")
        found = sorted((key, change) for key, change in self._store.marks.items() if key[0] == reader_id)[::-1]
        return [change.mark for _, change in found[:limit] if change.active]

    async def forget(self, reader_id: int) -> None:
        self._store.ask("cql", "mark_write")
        for key in [key for key in self._store.marks if key[0] == reader_id]:
            del self._store.marks[key]


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
        return WindowPage(window.floor, shown[: query.wanted])

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

    async def finish_following(self, reader_id: int, token: str, following: Following) -> bool:
        self._store.ask("cache")
        if self._store.followings.get(reader_id) != token:
            return False
        self._store.followings[reader_id] = following
        return True

    async def forget_following(self, reader_id: int) -> None:
        self._store.ask("cache")
        self._store.followings.pop(reader_id, None)

    async def forget(self, reader_id: int) -> None:
        await self.forget_following(reader_id)
        self._store.windows.pop(reader_id, None)

    async def forget_everything(self) -> None:
        """A flushed Redis."""
        self._store.windows.clear()
        self._store.followings.clear()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def timelines(store: Store, clock: FakeClock) -> MemoryTimelines:
    return MemoryTimelines(store, clock)


@pytest.fixture
def public_rows(store: Store) -> MemoryPublic:
    return MemoryPublic(store)


@pytest.fixture
def follows(store: Store) -> MemoryFollows:
    return MemoryFollows(store)


@pytest.fixture
def marks(store: Store) -> MemoryMarks:
    return MemoryMarks(store)


@pytest.fixture
def rankings(store: Store) -> MemoryRankings:
    return MemoryRankings(store)


@pytest.fixture
def windows(store: Store) -> MemoryWindows:
    return MemoryWindows(store)


@pytest.fixture
def streams(store: Store) -> MemoryStreams[LiveUpdate]:
    return _streams(store)


@pytest.fixture
def public_streams(store: Store) -> MemoryStreams[LiveUpdate]:
    return _streams(store)


def _streams(store: Store) -> MemoryStreams[LiveUpdate]:
    async def ask() -> None:
        store.ask("state")

    return MemoryStreams(UPDATES, ask)
