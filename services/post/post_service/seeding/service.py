"""The rules of loading: likes in bulk and untold, then the posts, as any post is made and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Final, TypeVar

from post_service.events import PostEvents
from post_service.models import Fact
from post_service.repository.posts import PostRepository
from post_service.seeding.models import Plan, Progress
from post_service.seeding.repository import LikeRepository
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.logs import get_logger

POSTS_AT_ONCE: Final = 200
LIKES_AT_ONCE: Final = 10_000
WRITERS: Final = 16
# Fewer likes than these are summed by whoever reads the post first: that costs less than 32 conditional writes each.
SUMMED_FROM: Final = 1_000
# Seconds between tries while the engine does not answer.
WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
OUTAGES: Final = (Unavailable, DeadlineExceeded, ResourceExhausted)
T = TypeVar("T")
log = get_logger()


class Seeding:
    """Makes up posts; `report` is told how far it is, after each part.

    A post is written once its likes are there: nobody has read it, or kept its counts, before. So whatever is there is
    whole, and is passed over by the next run.
    """

    def __init__(
        self,
        posts: PostRepository,
        likes: LikeRepository,
        events: PostEvents,
        outbox: CqlOutbox,
        clock: Clock,
        report: Callable[[Progress], None],
    ) -> None:
        self._posts = posts
        self._likes = likes
        self._events = events
        self._outbox = outbox
        self._clock = clock
        self._report = report

    async def run(self, plan: Plan) -> Progress:
        """All of the plan is there when it returns, and told of."""
        progress = Progress()
        for first in range(0, plan.posts, POSTS_AT_ONCE):
            numbers = range(first, min(first + POSTS_AT_ONCE, plan.posts))
            missing = await self._waiting_out(partial(self._missing, plan, numbers))
            await self._like(plan, missing, progress)
            await self._waiting_out(partial(self._write, plan, numbers))
            progress.posts += len(numbers)
            self._report(progress)
        return progress

    async def _waiting_out(self, work: Callable[[], Awaitable[T]]) -> T:
        """A bulk is what an engine is overloaded by: it is given time, and asked again."""
        for seconds in WAITS:
            try:
                return await work()
            except OUTAGES as error:
                log.warning("post.seeding_waits", reason=error.reason, seconds=seconds)
                await self._clock.sleep(seconds)
        return await work()

    async def _missing(self, plan: Plan, numbers: Sequence[int]) -> Sequence[int]:
        known = await self._posts.get_many(map(plan.post_id, numbers))
        return [number for number in numbers if plan.post_id(number) not in known]

    async def _like(self, plan: Plan, numbers: Sequence[int], progress: Progress) -> None:
        facts = chain.from_iterable(map(plan.facts, numbers))
        while some := [*islice(facts, LIKES_AT_ONCE)]:
            await self._waiting_out(partial(self._likes.put, some))
            progress.likes += len(some)
            self._report(progress)
        for number in numbers:
            if plan.likes_of(number) >= SUMMED_FROM:
                await self._waiting_out(partial(self._likes.count, [*_of_each_bucket(plan.facts(number))]))

    async def _write(self, plan: Plan, numbers: Sequence[int]) -> None:
        """Those that are not there yet."""
        todo = iter(await self._missing(plan, numbers))

        async def work() -> None:
            for number in todo:
                post = plan.post(number)
                event = self._events.created(post)
                await self._posts.create(post, event)
                await self._posts.publish(event)

        workers = [asyncio.ensure_future(work()) for _ in range(WRITERS)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        # No more is under way than these: who reads the events sets the pace, and memory stays what it is.
        await self._outbox.drain()


def _of_each_bucket(facts: Iterator[Fact]) -> Iterator[Fact]:
    """The first thousand: neighbours are in different buckets, so that all of them are among these."""
    return islice(facts, SUMMED_FROM)
