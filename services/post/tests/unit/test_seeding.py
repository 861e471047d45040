"""A bulk load is what an engine is overloaded by: it is given time, and what it has taken is not made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from post_service.events import PostCodec, PostEvents
from post_service.models import Fact, Post
from post_service.seeding.models import Plan, Progress
from post_service.seeding.service import WAITS, Seeding
from rookery_common.errors import DeadlineExceeded, InvalidArgument, Unavailable
from rookery_common.testing import FakeClock

PLAN = Plan(seed=7, accounts=300, posts=40, likes=500)


class Hurried(FakeClock):
    """A clock on which nobody sleeps."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Store:
    """Posts and likes, as the engine has taken them; `failure` is raised instead, at some writes, until then."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.began = clock, clock.now()
        self.failure: Exception | None = None
        self.every, self.seconds = 3, 0.0
        self.writes = 0
        self.posts: dict[int, Post] = {}
        self.likes: set[tuple[int, int]] = set()
        self.told: list[int] = []

    def _write(self) -> None:
        self.writes += 1
        waited = (self.clock.now() - self.began).total_seconds()
        if self.failure is not None and waited < self.seconds and self.writes % self.every == 0:
            raise self.failure

    async def get_many(self, post_ids: Iterable[int]) -> dict[int, Post]:
        return {post_id: self.posts[post_id] for post_id in post_ids if post_id in self.posts}

    async def create(self, post: Post, _event: object) -> None:
        self._write()
        assert post.post_id not in self.posts
        self.posts[post.post_id] = post

    async def publish(self, event: Any) -> None:
        self.told.append(int(event.key))

    async def put(self, facts: Sequence[Fact]) -> None:
        self._write()
        self.likes |= {(fact.post_id, fact.account_id) for fact in facts}

    async def drain(self) -> None:
        """All is told at once."""


@pytest.fixture
def store() -> Store:
    return Store(Hurried())


def _seeding(store: Any) -> Seeding:
    return Seeding(store, store, PostEvents(PostCodec(str), store.clock), store, store.clock, lambda _: None)


@pytest.mark.parametrize("failure", [Unavailable("Too much."), DeadlineExceeded("Too slow.")])
async def test_an_engine_that_is_overloaded_is_given_time(store: Store, failure: Exception) -> None:
    store.failure, store.seconds = failure, 20.0
    assert await _seeding(store).run(PLAN) == Progress(posts=40, likes=500)
    assert (store.clock.now() - store.began).total_seconds() >= WAITS[0]
    assert sorted(store.told) == sorted(store.posts) == [PLAN.post_id(number) for number in range(40)]
    assert len(store.likes) == 500


async def test_one_that_stays_away_ends_the_run_and_the_next_one_goes_on(store: Store) -> None:
    store.failure, store.every, store.seconds = Unavailable("Gone."), 1, float("inf")
    with pytest.raises(Unavailable):
        await _seeding(store).run(PLAN)
    assert (store.clock.now() - store.began).total_seconds() == sum(WAITS)
    assert not store.posts
    store.failure = None
    await _seeding(store).run(PLAN)
    assert len(store.posts) == 40


async def test_what_is_wrong_with_a_write_is_not_tried_again(store: Store) -> None:
    store.failure, store.seconds = InvalidArgument("Wrong."), float("inf")
    with pytest.raises(InvalidArgument):
        await _seeding(store).run(PLAN)
    assert store.clock.now() == store.began
