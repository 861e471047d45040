"""In-memory stand-ins. The tests that run over them, and as links in tests/engine over engines, keep them honest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from choice_fakes import MemoryDigests, MemoryPolicies, MemoryPreferences

from notification_service.models import (
    GroupKey,
    MarkedTimeline,
    Marker,
    Notification,
    PageQuery,
    Slot,
    TellingKey,
    Told,
    Watch,
)
from notification_service.placement import group_key, oldest_bucket, seconds_to_live, time_bucket
from notification_service.repository.counts import LARGE, CountCache
from notification_service.repository.history import HistoryRepository, heads_of, single_ids
from notification_service.repository.live import NOTIFICATIONS
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.told import ToldRepository
from notification_service.repository.watchers import WatcherRepository
from notification_service.repository.windows import WINDOW_SLACK, WINDOW_SLOTS, WindowPage, WindowRepository
from rookery_common.clients.cassandra import CqlUnavailable
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.clock import Clock
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock
from rookery_common.testing.live import MemoryStreams

_AWAY = {"cql": CqlUnavailable, "cache": RedisUnavailable, "state": RedisUnavailable}


@dataclass
class Window:
    token: str = ""
    floor: int = 0
    cleared: int = 0
    slots: dict[int, Slot] = field(default_factory=dict)

    def put(self, slot: Slot) -> bool:
        known = self.slots.get(slot.notification_id)
        if known is not None and (known.notification is None or slot.notification is not None):
            return False
        self.slots[slot.notification_id] = slot
        return True

    def trim(self, most: int) -> None:
        if len(self.slots) > most:
            kept = sorted(self.slots)[-WINDOW_SLOTS:]
            self.slots = {number: self.slots[number] for number in kept}
            self.floor = kept[0]


@dataclass
class Store:
    """What the engines hold, and which of them are away."""

    told: dict[tuple[int, int], Notification] = field(default_factory=dict)
    put_away: set[tuple[int, int]] = field(default_factory=set)
    cleared: dict[int, int] = field(default_factory=dict)
    posts: dict[int, dict[tuple[int, int], Told]] = field(default_factory=dict)
    windows: dict[int, Window] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    tokens: count[int] = field(default_factory=count)

    def ask(self, engine: str) -> None:
        if engine in self.away:
            raise _AWAY[engine](f"{engine} is away")


class MemoryNotifications(NotificationRepository):
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def add(self, notifications: Iterable[Notification]) -> None:
        self._store.ask("cql")
        for each in notifications:
            if seconds_to_live(each.notification_id, self._clock.unix_ms()) > 0:
                self._store.told[each.recipient_id, each.notification_id] = each

    async def put_away(self, ids: Iterable[tuple[int, int]]) -> None:
        self._store.ask("cql")
        self._store.put_away.update(ids)

    async def clear(self, recipient_id: int, up_to_id: int) -> None:
        self._store.ask("cql")
        self._store.cleared[recipient_id] = max(up_to_id, self._store.cleared.get(recipient_id, 0))

    async def cleared(self, recipient_id: int) -> int:
        self._store.ask("cql")
        return self._store.cleared.get(recipient_id, 0)

    async def get(self, recipient_id: int, number: int) -> Slot | None:
        return next(iter(self._between(recipient_id, number + 1, number - 1)), None)

    async def older(self, recipient_id: int, below: int, above: int, limit: int) -> list[Slot]:
        return self._between(recipient_id, below, above)[::-1][:limit]

    async def newer(self, recipient_id: int, below: int, above: int, limit: int) -> list[Slot]:
        return self._between(recipient_id, below, above)[:limit]

    def _between(self, recipient_id: int, below: int, above: int) -> list[Slot]:
        self._store.ask("cql")
        oldest = oldest_bucket(self._clock.unix_ms())
        keys = sorted(key for key in self._store.told.keys() | self._store.put_away if key[0] == recipient_id)
        return [
            Slot(number, None if (owner, number) in self._store.put_away else self._store.told.get((owner, number)))
            for owner, number in keys
            if above < number < below and time_bucket(number) >= oldest
        ]


class MemoryMembers(MemberRepository):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[tuple[int, GroupKey], dict[int, Notification]] = {}
        self._gone: set[tuple[int, int]] = set()

    async def add(self, notifications: Iterable[Notification]) -> None:
        self._store.ask("cql")
        for each in notifications:
            if (key := group_key(each)) is not None:
                self._told.setdefault((each.recipient_id, key), {})[each.notification_id] = each

    async def put_away(self, notifications: Iterable[Notification]) -> None:
        gone = [each for each in notifications if group_key(each) is not None]
        await self.add(gone)
        self._gone |= {(each.recipient_id, each.notification_id) for each in gone}

    async def older(self, recipient_id: int, key: GroupKey, below: int, above: int, limit: int) -> list[Slot]:
        return self._slots(recipient_id, key, below, above)[::-1][:limit]

    async def newer(self, recipient_id: int, key: GroupKey, below: int, above: int, limit: int) -> list[Slot]:
        return self._slots(recipient_id, key, below, above)[:limit]

    async def count(self, recipient_id: int, key: GroupKey, above: int) -> int:
        slots = self._slots(recipient_id, key, MAX_ID, above)
        return sum(slot.notification is not None for slot in slots)

    def _slots(self, recipient_id: int, key: GroupKey, below: int, above: int) -> list[Slot]:
        self._store.ask("cql")
        told = self._told.get((recipient_id, key), {})
        return [
            Slot(number, None if (recipient_id, number) in self._gone else told[number])
            for number in sorted(told)
            if above < number < below
        ]


class MemoryHistory(HistoryRepository):
    """All three in memory."""

    def __init__(
        self, notifications: NotificationRepository, heads: NotificationRepository, members: MemberRepository
    ) -> None:
        self._notifications, self._heads, self._members = notifications, heads, members

    async def add(self, notifications: Sequence[Notification]) -> None:
        await self._members.add(notifications)
        await self._heads.add(heads_of(notifications))
        await self._notifications.add(notifications)

    async def put_away(self, notifications: Sequence[Notification]) -> None:
        await self._members.put_away(notifications)
        await self._heads.put_away(single_ids(notifications))
        await self._notifications.put_away([(each.recipient_id, each.notification_id) for each in notifications])


class MemoryCounts(CountCache):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[tuple[int, GroupKey, int], int] = {}

    async def get(self, recipient_id: int, key: GroupKey, above: int) -> int | None:
        self._store.ask("cache")
        return self._counts.get((recipient_id, key, above))

    async def put(self, recipient_id: int, key: GroupKey, above: int, count: int) -> None:
        self._store.ask("cache")
        if count >= LARGE:
            self._counts[recipient_id, key, above] = count


class MemoryTold(ToldRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_posts(self, source_ids: Iterable[int]) -> list[Told]:
        self._store.ask("cql")
        return [told for source_id in source_ids for told in self._store.posts.get(source_id, {}).values()]

    async def standing(self, keys: Iterable[TellingKey]) -> dict[TellingKey, int]:
        self._store.ask("cql")
        held = {key: self._store.posts.get(key[0], {}).get(key[1:]) for key in keys}
        return {key: told.notification_id for key, told in held.items() if told is not None}

    async def add(self, told: Iterable[Told]) -> None:
        self._store.ask("cql")
        for each in told:
            self._store.posts.setdefault(each.source_id, {})[each.kind, each.recipient_id] = each


class MemoryMarkers(MarkerRepository):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._markers: dict[int, dict[MarkedTimeline, Marker]] = {}

    async def of_account(self, account_id: int) -> dict[MarkedTimeline, Marker]:
        self._store.ask("cql")
        return dict(self._markers.get(account_id, {}))

    async def put(self, account_id: int, marker: Marker) -> bool:
        self._store.ask("cql")
        held = self._markers.setdefault(account_id, {})
        known = held.get(marker.timeline)
        if (known.version if known else 0) != marker.version - 1:
            return False
        held[marker.timeline] = marker
        return True


class MemoryWatchers(WatcherRepository):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[tuple[int, int], Watch] = {}

    async def put(self, watches: Iterable[Watch]) -> None:
        self._store.ask("cql")
        for watch in watches:
            held = self._watches.get((watch.author_id, watch.watcher_id))
            if held is None or held.version <= watch.version:
                self._watches[watch.author_id, watch.watcher_id] = watch

    async def page(self, author_id: int, after: int, limit: int) -> tuple[list[int], int]:
        self._store.ask("cql")
        of_author = sorted((w.watcher_id, w.active) for (a, _), w in self._watches.items() if a == author_id)
        rows = [row for row in of_author if row[0] > after][:limit]
        return [watcher for watcher, active in rows if active], rows[-1][0] if len(rows) == limit else 0


class MemoryWindows(WindowRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, slots: Iterable[tuple[int, Slot]]) -> int:
        self._store.ask("cache")
        new = 0
        for recipient_id, slot in slots:
            window = self._store.windows.get(recipient_id)
            number = slot.notification_id
            if window is None or (not window.token and (number < window.floor or number <= window.cleared)):
                continue
            new += window.put(slot)
            if not window.token:
                window.trim(WINDOW_SLOTS + WINDOW_SLACK)
        return new

    async def read(self, recipient_id: int, page: PageQuery, wanted: int) -> WindowPage | None:
        self._store.ask("cache")
        window = self._store.windows.get(recipient_id)
        if window is None or window.token:
            return None
        low = max(page.low + 1, window.floor)
        numbers = sorted((number for number in window.slots if low <= number < page.high), reverse=not page.upwards)
        told = [told for number in numbers if (told := window.slots[number].notification) is not None]
        floor = 0 if window.cleared >= window.floor else window.floor
        return WindowPage(floor, [each for each in told if page.wants(each)][:wanted])

    async def begin_fill(self, recipient_id: int) -> str:
        self._store.ask("cache")
        if recipient_id not in self._store.windows:
            self._store.windows[recipient_id] = Window(token=f"t{next(self._store.tokens)}")
        return self._store.windows[recipient_id].token

    async def finish_fill(
        self, recipient_id: int, token: str, slots: Sequence[Slot], *, floor: int, cleared: int
    ) -> bool:
        self._store.ask("cache")
        window = self._store.windows.get(recipient_id)
        if window is None or window.token != token:
            return False
        for slot in slots:
            window.put(slot)
        window.slots = {number: slot for number, slot in window.slots.items() if number >= floor and number > cleared}
        window.token, window.floor, window.cleared = "", floor, cleared
        window.trim(WINDOW_SLOTS)
        return True

    async def forget(self, recipient_id: int) -> None:
        self._store.ask("cache")
        self._store.windows.pop(recipient_id, None)

    async def forget_everything(self) -> None:
        """A flushed Redis."""
        self._store.windows.clear()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def notifications(store: Store, clock: FakeClock) -> MemoryNotifications:
    return MemoryNotifications(store, clock)


@pytest.fixture
def heads(store: Store, clock: FakeClock) -> MemoryNotifications:
    """A table like the list itself."""
    other = Store(away=store.away)
    return MemoryNotifications(other, clock)


@pytest.fixture
def group_members(store: Store) -> MemoryMembers:
    return MemoryMembers(store)


@pytest.fixture
def history(
    notifications: MemoryNotifications, heads: MemoryNotifications, group_members: MemoryMembers
) -> MemoryHistory:
    return MemoryHistory(notifications, heads, group_members)


@pytest.fixture
def counts(store: Store) -> MemoryCounts:
    return MemoryCounts(store)


@pytest.fixture
def told(store: Store) -> MemoryTold:
    return MemoryTold(store)


@pytest.fixture
def policies(store: Store) -> MemoryPolicies:
    return MemoryPolicies(store)


@pytest.fixture
def preferences(store: Store) -> MemoryPreferences:
    return MemoryPreferences(store)


@pytest.fixture
def digests(store: Store) -> MemoryDigests:
    return MemoryDigests(store)


@pytest.fixture
def watchers(store: Store) -> MemoryWatchers:
    return MemoryWatchers(store)


@pytest.fixture
def windows(store: Store) -> MemoryWindows:
    return MemoryWindows(store)


@pytest.fixture
def streams(store: Store) -> MemoryStreams[Notification]:
    async def ask() -> None:
        store.ask("state")

    return MemoryStreams(NOTIFICATIONS, ask)


@pytest.fixture
def marked(store: Store) -> MemoryMarkers:
    return MemoryMarkers(store)
