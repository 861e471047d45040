"""What is in CQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from feed_fakes.store import Store
from feed_service.follow_models import Follow, Follower
from feed_service.models import (
    PUBLIC,
    Delivery,
    Entry,
    Following,
    Mark,
    MarkChange,
    Mode,
    PublicChange,
    PublicEntry,
    ReaderState,
    tag_timeline,
)
from feed_service.placement import seconds_to_live
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowerCursor, FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.repository.public import PublicRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.timelines import TimelineRepository
from rookery_common.clock import Clock


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

    async def put(self, *follows: Follow) -> None:
        self._store.ask("cql", "follow_write")
        for follow in follows:
            known = self._store.follows.get(follow.ends)
            if known is None or known.version <= follow.version:
                self._store.follows[follow.ends] = follow
            self._store.forgotten.discard(follow.ends)

    async def put_all(self, follows: Sequence[Follow]) -> None:
        await self.put(*follows)

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

    async def who_follows(self, author_id: int, reader_ids: Iterable[int]) -> list[Follower]:
        self._store.ask("cql")
        found = [self._store.follows.get((reader_id, author_id)) for reader_id in reader_ids]
        return [Follower(follow.reader_id, follow.reblogs) for follow in found if follow is not None and follow.active]

    async def has_followers(self, author_id: int, enough: int) -> bool:
        self._store.ask("cql")
        follows = self._store.follows.items()
        return enough <= sum(follow.active for (_, author), follow in follows if author == author_id)

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


class MemoryAuthorPosts(AuthorPostRepository):
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def put(self, entries: Iterable[Entry]) -> None:
        self._store.ask("cql", "author_post_write")
        for entry in entries:
            if seconds_to_live(entry.entry_id, self._clock.unix_ms()) > 0:
                self._store.author_posts.setdefault(entry.author_id, {})[entry.entry_id] = entry

    async def older(self, author_id: int, below: int, above: int, limit: int) -> list[Entry]:
        return self._between(author_id, below, above)[::-1][:limit]

    async def newer(self, author_id: int, below: int, above: int, limit: int) -> list[Entry]:
        return self._between(author_id, below, above)[:limit]

    async def forget(self, author_id: int) -> None:
        self._store.ask("cql", "author_post_write")
        self._store.author_posts.pop(author_id, None)

    def _between(self, author_id: int, below: int, above: int) -> list[Entry]:
        self._store.ask("cql", "author_posts_read")
        rows = self._store.author_posts.get(author_id, {})
        return [rows[entry_id] for entry_id in sorted(rows) if above < entry_id < below]

    async def modes(self, after: int) -> list[Mode]:
        self._store.ask("cql", "modes_read")
        return [mode for mode in self._store.modes if mode.generation > after]

    async def decide(self, mode: Mode) -> bool:
        self._store.ask("cql", "mode_write")
        if self._store.modes and mode.generation != self._store.modes[-1].generation + 1:
            return False
        self._store.modes.append(mode)
        return True

    async def forget_modes(self, generations: Iterable[int]) -> None:
        forgotten = set(generations)
        self._store.modes[:] = [mode for mode in self._store.modes if mode.generation not in forgotten]


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


class MemoryReaders(ReaderRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_all(self, reader_ids: Sequence[int]) -> list[ReaderState | None]:
        self._store.ask("cql", "reader_read")
        return [self._store.readers.get(reader_id) for reader_id in reader_ids]

    async def see(self, reader_ids: Iterable[int], day: int) -> None:
        self._store.ask("cql", "reader_write")
        for reader_id in reader_ids:
            known = self._store.readers.get(reader_id)
            self._store.readers[reader_id] = ReaderState(day, known.complete_from if known else 0)

    async def welcome(self, reader_id: int, state: ReaderState) -> None:
        self._store.ask("cql", "reader_write")
        self._store.readers[reader_id] = state

    async def forget(self, reader_id: int) -> None:
        self._store.ask("cql", "reader_write")
        self._store.readers.pop(reader_id, None)
