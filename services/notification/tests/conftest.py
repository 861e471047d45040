from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Any

import pytest

from notification_service.avoidance import Avoidance, ShownPost
from notification_service.models import Act, Kind, Notification, NotificationPage, PageQuery, PostSeen
from notification_service.placement import notification_of
from notification_service.repository.counts import CountCache
from notification_service.repository.digests import DigestRepository
from notification_service.repository.history import HistoryRepository
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.repository.told import ToldRepository
from notification_service.repository.watchers import WatcherRepository
from notification_service.repository.windows import WindowRepository
from notification_service.service.channels import Channels
from notification_service.service.digest_schedule import DigestSchedule, Slots
from notification_service.service.edits import EditTeller
from notification_service.service.groups import GroupReader
from notification_service.service.markers import Markers
from notification_service.service.posts import PostTeller
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.service.staff import Staff
from notification_service.service.standing import StandingTeller
from notification_service.service.tell import Teller
from notification_service.service.unsubscribing import UnsubscribeTokens
from notification_service.service.watch import WatchTeller
from rookery_common.errors import Unavailable
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock
from rookery_common.testing.process import random_master_key

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
REQUIRED = {
    "NOTIFICATION_CQL_KEYSPACE": "rookery_notification",
    "NOTIFICATION_REDIS_CACHE_URL": "redis://127.0.0.1:6379/0",
    "NOTIFICATION_REDIS_STATE_URL": "redis://127.0.0.1:6380/0",
}
MakeAct = Callable[..., Act]


class Authors:
    """What post knows of posts that anyone may see; who reblogs them, or has voted, it tells two at a time."""

    def __init__(self) -> None:
        self.by_post: dict[int, int] = {}
        self.reblogged_by: dict[int, list[int]] = {}
        self.voted: dict[tuple[int, int], list[int]] = {}
        self.away = False
        self.shown: dict[int, ShownPost] = {}
        self.hidden: set[int] = set()
        self.avoidances: list[Avoidance] = []

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        if self.away:
            raise Unavailable("post is away")
        return {post_id: self.by_post[post_id] for post_id in post_ids if post_id in self.by_post}

    async def shown_to(self, account_id: int, post_id: int) -> ShownPost | None:
        post = ShownPost(post_id, BOB, 0, "hello", is_direct=False, is_muted=False)
        return None if post_id in self.hidden else self.shown.get(post_id, post)

    async def avoided(self, account_id: int) -> Sequence[Avoidance]:
        return self.avoidances

    async def rebloggers(self, post_id: int, after_id: int) -> tuple[Sequence[int], int]:
        rest = [number for number in sorted(self.reblogged_by.get(post_id, [])) if number > after_id]
        return rest[:2], rest[1] if len(rest) > 2 else 0

    async def voters(self, post_id: int, ballot: int, after_id: int) -> tuple[Sequence[int], int]:
        rest = [number for number in sorted(self.voted.get((post_id, ballot), [])) if number > after_id]
        return rest[:2], rest[1] if len(rest) > 2 else 0


class Roles:
    """Whom roles permit what."""

    def __init__(self) -> None:
        self.by_permission: dict[str, list[int]] = {}
        self.away = False

    async def permitted(self, permission: str) -> Sequence[int]:
        if self.away:
            raise Unavailable("auth is away")
        return self.by_permission.get(permission, [])


class Queue:
    """What is offered to the lane of pushes."""

    def __init__(self) -> None:
        self.offered: list[Notification] = []

    async def offer(self, notifications: Sequence[Notification]) -> None:
        self.offered += notifications


class Acts:
    """Makes acts towards Alice, each a second after the last."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._posts = count(5_000)

    def make(self, kind: Kind = Kind.FAVOURITE, account_id: int = BOB, recipient_id: int = ALICE) -> Act:
        self._clock.advance(1)
        post_id = 0 if kind is Kind.FOLLOW else next(self._posts)
        return Act(recipient_id, kind, account_id, post_id, post_id, self._clock.unix_ms())

    def many(self, number: int, kind: Kind = Kind.FAVOURITE, account_id: int = BOB) -> list[Act]:
        return [self.make(kind, account_id) for _ in range(number)]

    def told(self, number: int = 1) -> list[Notification]:
        """What Alice is told of as many acts."""
        return [notification_of(act) for act in self.many(number)]

    def post(self, *mentioned: int, author_id: int = BOB, reblog_of_id: int = 0) -> PostSeen:
        self._clock.advance(1)
        return PostSeen(next(self._posts), author_id, mentioned, reblog_of_id, self._clock.unix_ms())


class Lists:
    """Reads lists as their owners would."""

    def __init__(self, reader: NotificationReader) -> None:
        self._reader = reader

    async def page(self, recipient_id: int = ALICE, limit: int = 80, **bounds: Any) -> NotificationPage:
        return await self._reader.page(recipient_id, PageQuery(limit, **bounds))

    async def of(self, recipient_id: int = ALICE) -> list[tuple[Kind, int, int]]:
        """Kind, account and subject of what is told, newest first."""
        page = await self.page(recipient_id)
        return [(each.kind, each.account_id, each.subject_id) for each in page.notifications]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What notification must be told, and nothing else."""
    for name, value in {**REQUIRED, "NOTIFICATION_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def acts(clock: FakeClock) -> Acts:
    return Acts(clock)


@pytest.fixture
def authors() -> Authors:
    return Authors()


@pytest.fixture
def roles() -> Roles:
    return Roles()


@pytest.fixture
def staff(roles: Roles, clock: FakeClock) -> Staff:
    return Staff(roles, clock)


@pytest.fixture
def tokens() -> UnsubscribeTokens:
    return UnsubscribeTokens(bytes(32))


@pytest.fixture
def slots(clock: FakeClock) -> Slots:
    return Slots(clock)


@pytest.fixture
def schedule(digests: DigestRepository, tokens: UnsubscribeTokens, slots: Slots) -> DigestSchedule:
    return DigestSchedule(digests, tokens, slots)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def channels(preferences: PreferenceRepository, clock: FakeClock) -> Channels:
    return Channels(preferences, clock)


@pytest.fixture
def teller(
    history: HistoryRepository,
    windows: WindowRepository,
    streams: LiveStreams[Notification],
    queue: Queue,
    channels: Channels,
    clock: FakeClock,
) -> Teller:
    return Teller(history, windows, Announcer(streams), queue, channels, clock)


@pytest.fixture
def posts(teller: Teller, told: ToldRepository, authors: Authors) -> PostTeller:
    return PostTeller(teller, told, authors)


@pytest.fixture
def standing(teller: Teller, told: ToldRepository) -> StandingTeller:
    return StandingTeller(teller, told)


@pytest.fixture
def edits(standing: StandingTeller, authors: Authors) -> EditTeller:
    return EditTeller(standing, authors)


@pytest.fixture
def watching(teller: Teller, watchers: WatcherRepository) -> WatchTeller:
    return WatchTeller(teller, watchers)


@pytest.fixture
def reader(windows: WindowRepository, notifications: NotificationRepository) -> NotificationReader:
    return NotificationReader(windows, notifications)


@pytest.fixture
def groups(
    heads: NotificationRepository,
    notifications: NotificationRepository,
    group_members: MemberRepository,
    counts: CountCache,
    teller: Teller,
) -> GroupReader:
    return GroupReader(heads, notifications, group_members, counts, teller)


@pytest.fixture
def put_away(teller: Teller, notifications: NotificationRepository, windows: WindowRepository) -> PutAway:
    return PutAway(teller, notifications, windows)


@pytest.fixture
def markers(marked: MarkerRepository, clock: FakeClock) -> Markers:
    return Markers(marked, clock)


@pytest.fixture
def lists(reader: NotificationReader) -> Lists:
    return Lists(reader)
