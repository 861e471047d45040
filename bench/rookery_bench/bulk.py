"""How much longer others' posts take to their followers while one author's post goes to a million."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final

from feed_service.models import Change, Part, PostChange
from feed_service.placement import reader_shard
from feed_service.repository.author_posts import AuthorPostRepository
from feed_service.repository.follows import BUCKET_FOLLOWERS, FollowRepository
from feed_service.repository.live import MERGED_UPDATES, UPDATES
from feed_service.repository.timelines import TimelineRepository
from feed_service.repository.window_caches import WindowCaches
from feed_service.repository.windows import WindowRepository
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


@dataclass(frozen=True)
class Times:
    """Milliseconds from when a post was due to its being in all timelines, sorted."""

    ms: list[float]

    def at(self, share: float) -> float:
        return self.ms[min(len(self.ms) - 1, int(len(self.ms) * share))]


class Lanes:
    """Fan-out as a consumer does it: the large one's parts one after another, others' posts beside them."""

    def __init__(self, cql: Cql, cache: RedisClient, state: RedisClient, prefix: str, followers: int) -> None:
        clock = self._clock = SystemClock()
        self._cql = cql
        self._buckets = max(1, followers // BUCKET_FOLLOWERS)
        self._choices = random.Random(1)
        self._sequence = 0
        follows, author_posts = FollowRepository(cql), AuthorPostRepository(cql, clock)
        streams = LiveStreams(state, UPDATES, prefix)
        self._fan_out = FanOut(
            TimelineRepository(cql, clock, SHARDS),
            WindowCaches(WindowRepository(cache, prefix)),
            follows,
            author_posts,
            Modes(author_posts, follows, clock, 0),
            Announcer(streams),
            Announcer(LiveStreams(state, MERGED_UPDATES, f"{prefix}merged:")),
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
        # A day's partitions are decided once, and statements prepared.
        await self._one_of_others()

    async def _put(self, writes: list[tuple[str, tuple[object, ...]]]) -> None:
        """Also where an engine that has little of the machine needs several tries."""
        for _ in range(TRIES):
            try:
                return await self._cql.batch(writes, logged=False)
            except Unavailable:
                await asyncio.sleep(1)
        raise RuntimeError("the engine takes no followers")

    async def alone(self, seconds: float) -> Times:
        """Others' posts with nothing beside them."""
        return await self._others(asyncio.create_task(asyncio.sleep(seconds)))

    async def beside(self) -> tuple[Times, float]:
        """The same while the large post is delivered, and how many seconds that took."""
        began = time.perf_counter()
        large = asyncio.create_task(self._large())
        return await self._others(large), time.perf_counter() - began

    async def _large(self) -> None:
        change = self._post(STAR)
        for bucket in range(self._buckets):
            await self._fan_out.deliver(Part(change, bucket))

    async def _others(self, until: asyncio.Task[None]) -> Times:
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
        await self._fan_out.apply([self._post(self._choices.choice(OTHERS))])

    def _post(self, author: int) -> PostChange:
        self._sequence += 1
        post_id = lowest_id_at(self._clock.unix_ms()) + reader_shard(self._sequence, 4_096)
        return PostChange(Change.VISIBLE, post_id, author)
