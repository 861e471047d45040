"""Posts that very many like: what a like costs is what it costs on any other, and the count stays that of the rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from post_service.events import PostCodec, PostEvents
from post_service.models import Fact, FactKind, Post
from post_service.repository import engagements as module
from post_service.repository.engagements import BUCKETS, QUIET_US, UNDER_WAY_US, EngagementRepository
from post_service.repository.posts import PostRepository
from post_service.seeding.models import Plan
from post_service.seeding.repository import LikeRepository
from post_service.seeding.service import Seeding
from post_service.service.engage import Engagement
from rookery_common.auth import Identity
from rookery_common.clients.cassandra import Cql
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock

FEW, MANY = 10, 20_000
TRACE_SECONDS = 60
READ_ROWS = re.compile(r"Read (\d+) live rows")


class Trace:
    """The statements of a block by name, and how many rows the engine has read for them, by its own trace, if asked."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.rows = 0


@asynccontextmanager
async def traced(cql: Cql, *, rows: bool = False) -> AsyncIterator[Trace]:
    trace, futures, session = Trace(), list[Any](), cql._session
    assert session is not None
    run, send = cql._run, session.execute_async

    async def noted(name: str, *args: Any, **more: Any) -> Any:
        trace.names.append(name)
        return await run(name, *args, **more)

    def sent(statement: Any, **more: Any) -> Any:
        futures.append(send(statement, trace=True, **more))
        return futures[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cql, "_run", noted)
        if rows:
            patch.setattr(session, "execute_async", sent)
        yield trace
    for future in futures:
        events = (await asyncio.to_thread(future.get_query_trace, TRACE_SECONDS)).events
        trace.rows += sum(int(found[1]) for event in events if (found := READ_ROWS.search(event.description)))


async def seeded(
    seed: int, likes: int, cql: Cql, posts: PostRepository, counted: EngagementRepository, outbox: CqlOutbox
) -> Post:
    """A post with so many likes."""
    plan, clock = Plan(seed=seed, accounts=MANY, posts=1, likes=likes), FakeClock()
    events = PostEvents(PostCodec(str), clock)
    await Seeding(posts, LikeRepository(cql, counted), events, outbox, clock, lambda _: None).run(plan)
    return plan.post(0)


async def held(cql: Cql, post: Post) -> int:
    sums = await cql.many("fact_sum", [(post.post_id, FactKind.FAVOURITE, bucket) for bucket in range(BUCKETS)])
    return sum(rows[0].amount or 0 for rows in sums)


async def count(engagements: EngagementRepository, post: Post) -> int:
    return (await engagements.count([post.post_id]))[post.post_id].favourites


def member(account_id: int) -> Identity:
    return Identity(account_id, account_id, 1, frozenset({"read", "write"}))


async def test_a_like_an_unlike_and_a_count_cost_the_same_however_many_like_the_post(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 300)
    costs: list[list[Trace]] = []
    for seed, likes in ((21, FEW), (22, MANY)):
        post, traces = await seeded(seed, likes, cql, posts, engagements, outbox), []
        assert await count(engagements, post) == likes
        for active in (True, False):
            async with traced(cql, rows=True) as trace:
                await engagement.favourite(bob, post.post_id, active=active)
                await outbox.drain()
            traces.append(trace)
            assert await count(engagements, post) == likes + active == await held(cql, post)
        async with traced(cql, rows=True) as trace:
            await engagements.count([post.post_id])
        costs.append([*traces, trace])
    for few, many in zip(*costs, strict=True):
        # Of the few, the bucket itself is summed. What the outbox notes comes when it comes.
        left_out = ("outbox_mark", "batch:outbox_mark")
        names = [[name for name in each.names if name not in left_out] for each in (few, many)]
        assert [name for name in names[0] if name != "fact_sum"] == names[1]
        assert 0 < many.rows <= few.rows + BUCKETS * many.names.count("count_all")


async def test_large_buckets_are_counted_right_by_two_processes_whose_people_like_and_unlike_at_once(
    cql: Cql,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    clock: FakeClock,
    write: Callable[..., Awaitable[Post]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = await write()
    people = [member(number) for number in range(1, 201)]
    await asyncio.gather(*(engagement.favourite(each, post.post_id, active=True) for each in people))
    monkeypatch.setattr(module, "LARGE_AMOUNT", 1)
    for each in people[:BUCKETS]:  # Each bucket is summed once more, and is large from then on.
        await engagements.recount(await engagements.find(FactKind.FAVOURITE, post.post_id, each.account_id))
    other = engagement.__class__.__new__(engagement.__class__)
    other.__dict__ |= engagement.__dict__ | {"_engagements": EngagementRepository(cql, outbox, clock)}
    some = [(each, False) for each in people[::2]] + [(member(number), True) for number in range(301, 401)]
    async with traced(cql) as trace:
        await asyncio.gather(
            *(
                (engagement, other)[place % 2].favourite(who, post.post_id, active=active)
                for place, (who, active) in enumerate(some)
            )
        )
    assert trace.names.count("fact_sum") < trace.names.count("count_set")
    assert await count(engagements, post) == await held(cql, post) == 200


async def test_who_taps_many_times_at_once_is_counted_once_in_a_large_bucket(
    cql: Cql,
    engagements: EngagementRepository,
    engagement: Engagement,
    write: Callable[..., Awaitable[Post]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = await write()
    people = [member(number) for number in range(1, 101)]
    await asyncio.gather(*(engagement.favourite(each, post.post_id, active=True) for each in people))
    monkeypatch.setattr(module, "LARGE_AMOUNT", 1)
    for each in people:
        await engagements.recount(await engagements.find(FactKind.FAVOURITE, post.post_id, each.account_id))
    taps = [(member(number), active) for number in range(101, 111) for active in (True, True, False, True)]
    await asyncio.gather(*(engagement.favourite(who, post.post_id, active=active) for who, active in taps))
    assert await count(engagements, post) == await held(cql, post)


async def test_what_a_crash_has_not_counted_in_a_large_bucket_the_next_reader_counts(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    clock: FakeClock,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    post = await seeded(23, 1_000, cql, posts, engagements, outbox)

    async def dead(*_: object) -> None:
        raise asyncio.CancelledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engagements, "recount", dead)
        with pytest.raises(asyncio.CancelledError):
            await engagement.favourite(bob, post.post_id, active=True)
    assert await count(engagements, post) == 1_000  # As if whoever made it were about to count it.
    clock.advance(UNDER_WAY_US / 1_000_000 + 1)
    assert await count(engagements, post) == 1_001
    async with traced(cql) as trace:
        assert await count(engagements, post) == 1_001
    assert trace.names == ["count_all"]


async def test_what_two_processes_have_counted_twice_is_right_when_all_has_been_quiet(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    clock: FakeClock,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    post = await seeded(25, 1_000, cql, posts, engagements, outbox)
    before = await engagements.find(FactKind.FAVOURITE, post.post_id, bob.account_id)
    await engagement.favourite(bob, post.post_id, active=True)

    async def find(*_: object) -> Fact:
        return before  # As another process found it.

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engagements, "find", find)
        await engagement.favourite(bob, post.post_id, active=True)
    assert await count(engagements, post) == 1_002
    clock.advance(QUIET_US / 1_000_000 + 1)
    assert await count(engagements, post) == await held(cql, post) == 1_001
    async with traced(cql) as trace:
        assert await count(engagements, post) == 1_001
    assert trace.names == ["count_all"]


async def test_a_large_bucket_is_summed_once_in_so_many_changes(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    monkeypatch.setattr(module, "SUMMED_EVERY", 8)
    post = await seeded(24, 1_000, cql, posts, engagements, outbox)
    async with traced(cql) as trace:
        for number in range(32):
            await engagement.favourite(bob, post.post_id, active=number % 2 == 0)
    assert (trace.names.count("fact_sum"), trace.names.count("count_set")) == (4, 32)
    assert await count(engagements, post) == await held(cql, post) == 1_000
