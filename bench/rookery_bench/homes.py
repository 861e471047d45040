"""What a page of a home costs feed, by how many its reader follows, and how many of these are merged into it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feed_service.models import Delivery, Entry, Found, HomePage, Mode, PageQuery, Reason, Span
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import FollowRepository
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.stretches import StretchRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WindowRepository
from feed_service.service.home import HomeReader
from feed_service.service.merged import AuthorTails, MergedHomes
from feed_service.service.modes import Modes
from feed_service.service.older import OlderEntries
from feed_service.service.returns import Returns
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import SystemClock
from rookery_common.ids import lowest_id_at

PAGE: Final = 20
# Delivered to each reader in the last week, and posted by each merged author.
DELIVERED: Final = 400
POSTED: Final = 60
AT_ONCE: Final = 200
WEEK_MS: Final = 7 * 86_400_000
ROUNDS: Final = 5
_FIRST_AUTHOR: Final = 1_000_000
_FIRST_STAR: Final = 2_000_000


@dataclass(frozen=True)
class Kind:
    """Readers who follow so many, of whom so many are merged."""

    name: str
    follows: int
    merged: int
    first_reader: int


@dataclass(frozen=True)
class Cost:
    """CPU of a page in milliseconds: feed's own process, and Redis; and how many entries of it are merged ones."""

    feed_ms: float
    redis_ms: float
    merged: float


KINDS: Final = (
    Kind("10, none merged", 10, 0, 10_000),
    Kind("5,000, none merged", 5_000, 0, 20_000),
    Kind("5,000, 50 of them merged", 5_000, 50, 30_000),
    Kind("5,000, 500 of them merged", 5_000, 500, 40_000),
)


class _NoPosts:
    """Where nothing is older than what is stored."""

    async def posts_of(self, _reader_id: int, _author_ids: Sequence[int], _span: Span, _most: int) -> Found:
        return Found([])


class Homes:
    """Readers of each kind over real engines, and pages of their homes as a server of feed reads them."""

    def __init__(self, cql: Cql, cache: RedisClient, prefix: str, seed: int) -> None:
        clock = SystemClock()
        self._now_ms = clock.unix_ms()
        self._cql = cql
        self._cache = cache
        self._choices = random.Random(seed)
        self._follows = FollowRepository(cql)
        self._timelines = TimelineRepository(cql, clock, 64)
        self._author_posts = AuthorPostRepository(cql, clock)
        windows = WindowRepository(cache, prefix)
        merged = MergedHomes(
            Modes(self._author_posts, self._follows, clock, 50_000), windows, AuthorTails(self._author_posts, clock)
        )
        older = OlderEntries(_NoPosts(), StretchRepository(cache, prefix), clock)
        readers, seen = ReaderRepository(cql), SeenRepository(cache, prefix=prefix)
        returns = Returns(readers, seen, self._timelines, WindowCaches(windows), self._follows, older, clock)
        self._homes = HomeReader(windows, self._timelines, self._follows, merged, older, returns)

    async def seed(self, readers: int) -> None:
        """Authors with their posts, and so many readers of each kind with what was delivered to them."""
        stars = range(_FIRST_STAR, _FIRST_STAR + max(kind.merged for kind in KINDS))
        for generation, star in enumerate(stars, 1):
            await self._author_posts.decide(Mode(generation, star, True, self._now_ms - 40 * 86_400_000))
            await self._author_posts.put(Entry(self._some_id(), star, Reason.FOLLOWED_AUTHOR) for _ in range(POSTED))
        for kind in KINDS:
            authors = [_FIRST_AUTHOR + number for number in range(kind.follows - kind.merged)]
            followed = [*authors, *stars[: kind.merged]]
            for reader in range(kind.first_reader, kind.first_reader + readers):
                await self._follow(reader, followed)
                await self._timelines.add(self._deliveries(reader, authors))

    async def _follow(self, reader: int, authors: Sequence[int]) -> None:
        """The reader's end alone: nothing is delivered here."""
        for first in range(0, len(authors), AT_ONCE):
            rows = [(reader, author, 0, True, True, 1) for author in authors[first : first + AT_ONCE]]
            await self._cql.batch([("following_put", row) for row in rows], logged=False)

    def _some_id(self) -> int:
        return lowest_id_at(self._now_ms - self._choices.randrange(WEEK_MS)) + self._choices.randrange(1_000)

    def _deliveries(self, reader: int, authors: Sequence[int]) -> list[Delivery]:
        return [
            (reader, Entry(self._some_id(), self._choices.choice(authors), Reason.FOLLOWED_AUTHOR))
            for _ in range(DELIVERED)
        ]

    async def measure(self, kind: Kind, readers: int, together: int, pages: int) -> Cost:
        """The best of some rounds of so many pages, the newest of each home, so many of them in one call."""
        # As many at once as are asked for, also where there are fewer readers.
        asked = [(kind.first_reader + number % readers, PageQuery(PAGE)) for number in range(readers * together)]
        calls = [asked[first : first + together] for first in range(0, len(asked), together)]
        merged, feed_ms, redis_ms = 0, list[float](), list[float]()
        for _ in range(1 + ROUNDS):
            own, redis, read = time.process_time(), await self._redis_cpu(), 0
            merged = 0
            while read < pages:
                answers = await self._homes.pages(calls[(read // together) % len(calls)])
                read += len(answers)
                merged += sum(_merged_entries(answer) for answer in answers)
            feed_ms.append((time.process_time() - own) * 1000 / read)
            redis_ms.append((await self._redis_cpu() - redis) * 1000 / read)
        # The first round fills windows and memory.
        return Cost(min(feed_ms[1:]), min(redis_ms[1:]), merged / read)

    async def _redis_cpu(self) -> float:
        told = await self._cache.raw.info("cpu")
        return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def _merged_entries(answer: object) -> int:
    if not isinstance(answer, HomePage) or len(answer.entries) < PAGE:
        raise RuntimeError(f"only full pages are measured: {answer}")
    return sum(entry.author_id >= _FIRST_STAR for entry in answer.entries)
