"""How much longer others' posts take to their followers while one author's post goes to a million."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from feed_service.models import Change, Mode, Part, PostChange
from feed_service.placement import reader_shard
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import BUCKET_FOLLOWERS, FollowRepository
from feed_service.repository.live import MERGED_UPDATES, UPDATES
from feed_service.repository.readers import ReaderRepository
from feed_service.repository.seen import SeenRepository
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WindowRepository
from feed_service.service.activity import Activity
from feed_service.service.fan_out import FanOut
from feed_service.service.modes import Modes
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import SystemClock
from rookery_common.errors import Unavailable
from rookery_common.ids import lowest_id_at
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams

STAR: Final = 1
OTHERS: Final = range(1_000, 1_050)
# Of each of the others.
FOLLOWERS: Final = 20
A_SECOND: Final = 20
ROWS: Final = 200
SEEDS_AT_ONCE: Final = 4
TRIES: Final = 20
SHARDS: Final = 64
# From one post of the large author to the next, where the one before is in all timelines by then.
EVERY_SECONDS: Final = 1.0
# As by default.
ACTIVE_DAYS: Final = 30
MERGE_FOLLOWERS: Final = 50_000
T = TypeVar("T")


@dataclass(frozen=True)
class Times:
    """Milliseconds from when a post was due to its being in all timelines, sorted."""

    ms: list[float]

    def at(self, share: float) -> float:
        return self.ms[min(len(self.ms) - 1, int(len(self.ms) * share))]


class Lanes:
    """Fan-out as a consumer does it: the large one's parts one after another, others' posts beside them."""

    def __init__(
        self, cql: Cql, cache: RedisClient, state: RedisClient, prefix: str, followers: int, *, merged: bool
    ) -> None:
        clock = self._clock = SystemClock()
        self._merged = merged
        self._cql = cql
        self._buckets = max(1, followers // BUCKET_FOLLOWERS)
        self._choices = random.Random(1)
        self._sequence = 0
        follows, self._author_posts = FollowRepository(cql), AuthorPostRepository(cql, clock)
        author_posts = self._author_posts
        self._modes = Modes(author_posts, follows, clock, MERGE_FOLLOWERS if merged else 0)
        streams = LiveStreams(state, UPDATES, prefix)
        self._fan_out = FanOut(
            TimelineRepository(cql, clock, SHARDS),
            WindowCaches(WindowRepository(cache, prefix)),
            follows,
            author_posts,
            self._modes,
            Announcer(streams),
            Announcer(LiveStreams(state, MERGED_UPDATES, f"{prefix}merged:")),
            Activity(ReaderRepository(cql), SeenRepository(cache, prefix=prefix), clock, ACTIVE_DAYS),
            clock,
        )

    async def seed(self) -> None:
        """The followers of all, as the follow graph has them."""
        slots = asyncio.Semaphore(SEEDS_AT_ONCE)

        async def put(author: int, bucket: int, first: int, count: int) -> None:
            rows = [(author, bucket, first + number, True, True, 1) for number in range(count)]
            async with slots:
                await self._put([("follower_put", row) for row in rows])

        for bucket in range(self._buckets):
            firsts = range(1_000_000 + bucket * BUCKET_FOLLOWERS, 1_000_000 + (bucket + 1) * BUCKET_FOLLOWERS, ROWS)
            await asyncio.gather(*(put(STAR, bucket, first, ROWS) for first in firsts))
        await self._cql.execute("follower_add_bucket", (self._buckets, STAR))
        for author in OTHERS:
            await put(author, 0, 10_000 + author * FOLLOWERS, FOLLOWERS)
        if self._merged:
            # The decision as it is in the log when its grace is over.
            await self._author_posts.decide(Mode(1, STAR, True, self._clock.unix_ms()))
        # A day's partitions are decided once, and statements prepared.
        await self._one_of_others()

    async def _put(self, writes: list[tuple[str, tuple[object, ...]]]) -> None:
        await _again(lambda: self._cql.batch(writes, logged=False))

    async def alone(self, seconds: float) -> Times:
        """Others' posts with nothing beside them."""
        return await self._others(asyncio.create_task(asyncio.sleep(seconds)))

    async def beside(self, seconds: float) -> tuple[Times, int, float]:
        """The same while the large author posts, one post after another for so long: how many these were, and how many
        seconds they took."""
        began = time.perf_counter()
        large = asyncio.create_task(self._large(began + seconds))
        times = await self._others(large)
        return times, large.result(), time.perf_counter() - began

    async def _large(self, until: float) -> int:
        count = 0
        while not count or time.perf_counter() < until:
            due = time.perf_counter() + EVERY_SECONDS
            for part in await self._apply(self._post(STAR)):
                await _again(partial(self._fan_out.deliver, part))
            count += 1
            await asyncio.sleep(due - time.perf_counter())
        return count

    async def _others(self, until: asyncio.Task[Any]) -> Times:
        taken: list[float] = []
        posts: list[asyncio.Task[None]] = []

        async def post(due: float) -> None:
            await self._one_of_others()
            taken.append((time.perf_counter() - due) * 1000)

        due = time.perf_counter()
        while not until.done():
            posts.append(asyncio.create_task(post(due)))
            due += 1 / A_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await until
        await asyncio.gather(*posts)
        return Times(sorted(taken))

    async def _one_of_others(self) -> None:
        await self._apply(self._post(self._choices.choice(OTHERS)))

    async def _apply(self, change: PostChange) -> list[Part]:
        return await _again(lambda: self._fan_out.apply([change]))

    def _post(self, author: int) -> PostChange:
        self._sequence += 1
        post_id = lowest_id_at(self._clock.unix_ms()) + reader_shard(self._sequence, 4_096)
        return PostChange(Change.VISIBLE, post_id, author)


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    """Also where an engine that has little of the machine needs several tries, as a consumer does it."""
    for _ in range(TRIES):
        try:
            return await work()
        except Unavailable:
            await asyncio.sleep(1)
    raise RuntimeError("the engines take nothing")
