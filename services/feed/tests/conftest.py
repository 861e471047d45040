from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import pytest

from feed_service.follow_models import Follow
from feed_service.models import Entry, Found, LiveUpdate, MergedUpdate, Part, PostFacts, Reason, Span
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.marks import MarkRepository
from feed_service.repository.public import PublicRepository
from feed_service.repository.rankings import RankingRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.stretches import StretchRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WindowRepository
from feed_service.service.activity import Activity
from feed_service.service.erase_account import AccountErasure
from feed_service.service.fan_out import FanOut
from feed_service.service.follows import FollowKeeper
from feed_service.service.for_you import ForYou
from feed_service.service.home import HomeReader
from feed_service.service.lists import ListReader
from feed_service.service.merged import AuthorTails, MergedHomes
from feed_service.service.modes import GRACE_SECONDS, Modes
from feed_service.service.older import OlderEntries
from feed_service.service.popular import PopularPosts
from feed_service.service.public import PublicTimelines
from feed_service.service.returns import Returns
from feed_service.service.tagged import TaggedHomes, TagTails
from rookery_common.auth import Identity
from rookery_common.erasure import Eraser, StepwiseEraser
from rookery_common.errors import Unavailable
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams
from rookery_common.paging import CursorCodec
from rookery_common.testing import FakeClock, FakeIds

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
MERGE_FOLLOWERS = 3
REQUIRED = {
    "FEED_CQL_KEYSPACE": "rookery_feed",
    "FEED_REDIS_CACHE_URL": "redis://127.0.0.1:6379/0",
    "FEED_REDIS_STATE_URL": "redis://127.0.0.1:6380/0",
    "FEED_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
}


class Posts:
    """What post knows of authors' recent posts, and of what was done with each."""

    def __init__(self) -> None:
        self.by_author: dict[int, list[Entry]] = {}
        self.by_id: dict[int, PostFacts] = {}
        self.calls: list[Sequence[int]] = []
        # Direct posts with whom they are for.
        self.direct: dict[Entry, set[int]] = {}
        self.away = False

    async def facts(self, _viewer: Identity | None, post_ids: Sequence[int]) -> Mapping[int, PostFacts]:
        if self.away:
            raise Unavailable("post is away")
        return {post_id: self.by_id.get(post_id, PostFacts(post_id)) for post_id in post_ids}

    async def recent(self, author_ids: Sequence[int], most: int) -> Mapping[int, Sequence[Entry]]:
        if self.away:
            raise Unavailable("post is away")
        return {each: sorted(self.by_author.get(each, []), reverse=True)[:most] for each in author_ids}

    async def posts_of(self, reader_id: int, author_ids: Sequence[int], span: Span, most: int) -> Found:
        """As post does it: with the reader's own, and how far it has looked."""
        if self.away:
            raise Unavailable("post is away")
        self.calls.append(author_ids)
        entries = [entry for author_id in author_ids for entry in self.by_author.get(author_id, [])]
        entries += [
            entry
            for entry, named in self.direct.items()
            if entry.author_id in author_ids and reader_id in (entry.author_id, *named)
        ]
        found = sorted((e for e in entries if span.above < e.entry_id < span.below), reverse=not span.upwards)[:most]
        own = [e._replace(reason=Reason.OWN_POST) if e.author_id == reader_id else e for e in found]
        return Found(own, own[-1].entry_id if len(own) == most else 0)


class Bulk:
    """Keeps what is handed over, until it is done."""

    def __init__(self, fan_out: FanOut) -> None:
        self._fan_out = fan_out
        self.parts: list[Part] = []

    async def hand_over(self, parts: Sequence[Part]) -> None:
        self.parts += parts

    async def deliver(self) -> None:
        for part in self.parts:
            await self._fan_out.deliver(part)


class People:
    """Follows by name, with versions that rise."""

    def __init__(self, follows: FollowRepository) -> None:
        self._follows = follows
        self._version = 0

    def follow(self, reader_id: int, author_id: int, *, active: bool = True, reblogs: bool = True) -> Follow:
        self._version += 1
        return Follow(reader_id, author_id, active, reblogs, self._version)

    async def follows(self, reader_id: int, *author_ids: int, reblogs: bool = True) -> None:
        for author_id in author_ids:
            await self._follows.put(self.follow(reader_id, author_id, reblogs=reblogs))


class Entries:
    """Makes entries, each a second after the last."""

    def __init__(self, clock: FakeClock, ids: FakeIds) -> None:
        self._clock, self._ids = clock, ids

    def make(self, author_id: int = ALICE, reason: Reason = Reason.FOLLOWED_AUTHOR) -> Entry:
        self._clock.advance(1)
        return Entry(self._ids.mint(), author_id, reason)

    def many(self, count: int, author_id: int = ALICE) -> list[Entry]:
        return [self.make(author_id) for _ in range(count)]


@pytest.fixture
def entries(clock: FakeClock, ids: FakeIds) -> Entries:
    return Entries(clock, ids)


@pytest.fixture
def people(follows: FollowRepository) -> People:
    return People(follows)


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture
def grace_seconds() -> float:
    return GRACE_SECONDS


@pytest.fixture
def modes(
    author_posts: AuthorPostRepository, follows: FollowRepository, clock: FakeClock, grace_seconds: float
) -> Modes:
    """Of a process that writes: who has three followers is merged."""
    return Modes(author_posts, follows, clock, MERGE_FOLLOWERS, grace_seconds)


@pytest.fixture
def tails(author_posts: AuthorPostRepository, clock: FakeClock) -> AuthorTails:
    return AuthorTails(author_posts, clock)


@pytest.fixture
def merged(
    author_posts: AuthorPostRepository,
    follows: FollowRepository,
    windows: WindowRepository,
    tails: AuthorTails,
    clock: FakeClock,
    grace_seconds: float,
) -> MergedHomes:
    """Of a process that reads, and learns of modes for itself."""
    return MergedHomes(Modes(author_posts, follows, clock, MERGE_FOLLOWERS, grace_seconds), windows, tails)


@pytest.fixture
def window_caches(windows: WindowRepository) -> WindowCaches:
    return WindowCaches(windows)


@pytest.fixture
def older(posts: Posts, stretches: StretchRepository, clock: FakeClock) -> OlderEntries:
    return OlderEntries(posts, stretches, clock)


@pytest.fixture
def active_days() -> int:
    """Of most tests: everybody is here often enough."""
    return 365


@pytest.fixture
def returns(
    readers: ReaderRepository,
    seen: SeenRepository,
    timelines: TimelineRepository,
    window_caches: WindowCaches,
    follows: FollowRepository,
    older: OlderEntries,
    clock: FakeClock,
    active_days: int,
) -> Returns:
    return Returns(readers, seen, timelines, window_caches, follows, older, clock, active_days)


@pytest.fixture
def activity(readers: ReaderRepository, seen: SeenRepository, clock: FakeClock, active_days: int) -> Activity:
    return Activity(readers, seen, clock, active_days)


@pytest.fixture
def home(
    windows: WindowRepository,
    timelines: TimelineRepository,
    follows: FollowRepository,
    merged: MergedHomes,
    older: OlderEntries,
    returns: Returns,
) -> HomeReader:
    return HomeReader(windows, timelines, follows, merged, older, returns)


@pytest.fixture
def tagged(home: HomeReader, public_rows: PublicRepository, clock: FakeClock) -> TaggedHomes:
    return TaggedHomes(home, TagTails(public_rows, clock))


@pytest.fixture
def for_you(
    home: HomeReader,
    public_rows: PublicRepository,
    follows: FollowRepository,
    marks: MarkRepository,
    rankings: RankingRepository,
    posts: Posts,
    clock: FakeClock,
) -> ForYou:
    tails, popular = TagTails(public_rows, clock), PopularPosts(public_rows, posts, clock)
    return ForYou(home, tails, popular, posts, follows, marks, rankings, CursorCodec(bytes(32)), clock)


@pytest.fixture
def lists(
    timelines: TimelineRepository,
    follows: FollowRepository,
    merged: MergedHomes,
    older: OlderEntries,
    returns: Returns,
) -> ListReader:
    return ListReader(timelines, follows, merged, older, returns)


@pytest.fixture
def fan_out(
    timelines: TimelineRepository,
    window_caches: WindowCaches,
    follows: FollowRepository,
    author_posts: AuthorPostRepository,
    modes: Modes,
    streams: LiveStreams[LiveUpdate],
    merged_streams: LiveStreams[MergedUpdate],
    activity: Activity,
    clock: FakeClock,
) -> FanOut:
    live, merged_live = Announcer(streams), Announcer(merged_streams)
    return FanOut(timelines, window_caches, follows, author_posts, modes, live, merged_live, activity, clock)


@pytest.fixture
def bulk(fan_out: FanOut) -> Bulk:
    return Bulk(fan_out)


@pytest.fixture
def public(public_rows: PublicRepository, public_streams: LiveStreams[LiveUpdate]) -> PublicTimelines:
    return PublicTimelines(public_rows, Announcer(public_streams))


@pytest.fixture
def keeper(
    follows: FollowRepository, window_caches: WindowCaches, fan_out: FanOut, posts: Posts, clock: FakeClock
) -> FollowKeeper:
    return FollowKeeper(follows, window_caches, fan_out, posts, clock)


@pytest.fixture
def eraser(
    marks: MarkRepository,
    follows: FollowRepository,
    timelines: TimelineRepository,
    window_caches: WindowCaches,
    author_posts: AuthorPostRepository,
    readers: ReaderRepository,
    seen: SeenRepository,
    clock: FakeClock,
) -> Eraser:
    erasure = AccountErasure(marks, follows, timelines, window_caches, author_posts, readers, seen)
    return StepwiseEraser(erasure.steps, clock)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What feed must be told, and nothing else."""
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
