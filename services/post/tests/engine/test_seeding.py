"""Posts that are made up, over Cassandra: they read as any do, are told of once, and a run goes on where one ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.events import PostCodec, PostEvents
from post_service.models import FactKind, MarkKind
from post_service.repository.engagements import EngagementRepository
from post_service.repository.marked import MarkedRepository
from post_service.repository.posts import PostRepository
from post_service.seeding import service as module
from post_service.seeding.models import Plan, Progress
from post_service.seeding.repository import LikeRepository
from post_service.seeding.service import Seeding
from rookery_common.clients.cassandra import Cql
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.events import FakeProducer

PLAN = Plan(seed=7, accounts=3_000, posts=12, likes=5_000)
Told = Callable[[], Awaitable[list[Event]]]


@pytest.fixture
def reports() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def seeding(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    outbox: CqlOutbox,
    clock: FakeClock,
    reports: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> Seeding:
    monkeypatch.setattr(module, "POSTS_AT_ONCE", 5)
    monkeypatch.setattr(module, "LIKES_AT_ONCE", 1_500)
    likes, events = LikeRepository(cql, engagements), PostEvents(PostCodec(str), clock)
    return Seeding(
        posts, likes, events, outbox, clock, lambda progress: reports.append((progress.posts, progress.likes))
    )


async def test_posts_and_likes_are_there_and_every_post_is_told_of(
    seeding: Seeding,
    posts: PostRepository,
    engagements: EngagementRepository,
    told: Told,
    producer: FakeProducer,
    reports: list[tuple[int, int]],
    cql: Cql,
    clock: FakeClock,
) -> None:
    assert await seeding.run(PLAN) == Progress(posts=12, likes=5_000)
    numbers = [PLAN.post_id(number) for number in range(12)]
    assert await posts.get_many(numbers) == {PLAN.post_id(n): PLAN.post(n) for n in range(12)}
    counts = await engagements.count(numbers)
    assert [counts[post_id].favourites for post_id in numbers] == [PLAN.likes_of(n) for n in range(12)]
    assert sorted(int(event.key) for event in await told()) == sorted(numbers)
    assert len(producer.sent) == 12
    assert reports[-1] == (12, 5_000)
    assert len(reports) > 5
    liked = next(PLAN.facts(0))
    assert (await engagements.find(FactKind.FAVOURITE, liked.post_id, liked.account_id)).active
    first, _ = await engagements.engaged(FactKind.FAVOURITE, numbers[0], 0, 40)
    assert len(first) == 40
    own = await MarkedRepository(cql, clock).page(liked.account_id, MarkKind.FAVOURITE, 0, 1 << 62, 10)
    assert liked.post_id in [each.post_id for each in own]
    # The sums of the one with most likes are there already: nobody who reads it makes them.
    rows = await cql.execute("count_all", (numbers[0],))
    assert len(rows) == 32
    assert all(row.changed == row.counted for row in rows)


async def test_what_was_interrupted_goes_on_and_what_is_there_is_passed_over(
    seeding: Seeding, posts: PostRepository, engagements: EngagementRepository, told: Told, reports: list[object]
) -> None:
    class Interrupted(Exception):
        pass

    create, left = posts.create, iter(range(7))

    async def some(*args: object) -> None:
        if next(left, None) is None:
            raise Interrupted
        await create(*args)  # type: ignore[arg-type]  # as it is called

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posts, "create", some)
        with pytest.raises(Interrupted):
            await seeding.run(PLAN)
    assert 0 < len(await told()) < 12
    await seeding.run(PLAN)
    assert len({event.key for event in await told()}) == 12
    numbers = [PLAN.post_id(number) for number in range(12)]
    counts = await engagements.count(numbers)
    assert sum(counts[post_id].favourites for post_id in numbers) == 5_000
    assert await seeding.run(PLAN) == Progress(posts=12, likes=0)
