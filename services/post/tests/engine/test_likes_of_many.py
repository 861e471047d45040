"""Posts that very many like: what a like costs is what it costs on any other, and the count stays that of the rows."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from post_service.events import PostCodec, PostEvents
from post_service.models import Fact, FactKind, Post
from post_service.repository import engagements as module
from post_service.repository import large_buckets
from post_service.repository.engagements import BUCKETS, GROWING_US, EngagementRepository, _bucket, fact_rows
from post_service.repository.posts import PostRepository
from post_service.seeding.models import Plan
from post_service.seeding.repository import LikeRepository
from post_service.seeding.service import Seeding
from post_service.service.count_told import CountingSender
from post_service.service.engage import TURNS, Engagement
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.clients.calls import UnknownOutcome
from rookery_common.clients.cassandra import Cql
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.events import FakeProducer

FEW, MANY = 10, 20_000
ROUNDS = 40
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


def beside(engagement: Engagement, counted: EngagementRepository, clock: FakeClock) -> Engagement:
    """The same rules at another process."""
    own = {"_engagements": counted, "_versions": HybridClock(clock), "_turns": [asyncio.Lock() for _ in range(TURNS)]}
    other = Engagement.__new__(Engagement)
    other.__dict__ |= engagement.__dict__ | own
    return other


def in_bucket_of(account: Identity) -> Identity:
    """Somebody else whose likes are counted together with theirs."""
    bucket = _bucket(FactKind.FAVOURITE, 1, account.account_id)
    others = (member(number) for number in itertools.count(1_000_000))
    return next(each for each in others if _bucket(FactKind.FAVOURITE, 1, each.account_id) == bucket)


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
        assert len(names[0]) == len(names[1])
        assert not {"fact_sum", "facts_from"} & set(names[1])
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
    for each in people:  # Each bucket is summed once more, and is large from then on.
        await engagements.recount(await engagements.find(FactKind.FAVOURITE, post.post_id, each.account_id))
    other = beside(engagement, EngagementRepository(cql, outbox, clock), clock)
    some = [(each, False) for each in people[::2]] + [(member(number), True) for number in range(301, 401)]
    async with traced(cql) as trace:
        await asyncio.gather(
            *(
                (engagement, other)[place % 2].favourite(who, post.post_id, active=active)
                for place, (who, active) in enumerate(some)
            )
        )
    assert "fact_sum" not in trace.names
    assert await count(engagements, post) == await held(cql, post) == 200


async def test_one_who_taps_at_two_processes_at_once_is_counted_as_the_last_write_has_left_it(
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
    other = beside(engagement, EngagementRepository(cql, outbox, clock), clock)
    chosen = random.Random(6)
    for _ in range(ROUNDS):
        taps = [(process, chosen.random() < 0.5) for process in (engagement, other) * 2]
        await asyncio.gather(*(process.favourite(bob, post.post_id, active=active) for process, active in taps))
        assert await count(engagements, post) == await held(cql, post)
    assert await held(cql, post) in (1_000, 1_001)


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


@pytest.mark.parametrize("dies_at", ["facts_of", "batch:bucket_count", "count_tell", "publish"])
async def test_what_a_crash_has_not_counted_is_counted_before_it_is_told(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    producer: FakeProducer,
    outbox: CqlOutbox,
    clock: FakeClock,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: str,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    post = await seeded(23, 1_000, cql, posts, engagements, outbox)
    assert await count(engagements, post) == 1_000
    producer.sent.clear()
    run = cql._run

    async def dying(name: str, *args: Any, **more: Any) -> Any:
        if name == dies_at:
            raise asyncio.CancelledError
        return await run(name, *args, **more)

    async def dead(*_: object) -> None:
        raise asyncio.CancelledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cql, "_run", dying)
        patch.setattr(engagements, "publish", dead)
        with pytest.raises(asyncio.CancelledError):
            await engagement.favourite(bob, post.post_id, active=True)
    # Nobody who likes it afterwards hides it.
    await engagement.favourite(in_bucket_of(bob), post.post_id, active=True)
    await outbox.drain()
    assert [event.key for event in producer.sent] == [f"{post.post_id}:{in_bucket_of(bob).account_id}"]
    clock.advance(3)
    relay = CountingSender(producer, EngagementRepository(cql, outbox, clock))
    assert await outbox.sweep(relay) == 1
    assert await count(engagements, post) == await held(cql, post) == 1_002
    assert producer.sent[-1].key == f"{post.post_id}:{bob.account_id}"
    await relay.send_all(producer.sent)  # As it may be told again.
    assert await count(engagements, post) == 1_002


async def test_a_count_whose_outcome_nobody_knows_is_made_once(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    post = await seeded(26, 1_000, cql, posts, engagements, outbox)
    batch_conditional, lost = cql.batch_conditional, [True, False]

    async def unknown(entries: Any) -> Any:
        if was_made := lost.pop():
            await batch_conditional(entries)
        raise UnknownOutcome("lost" if was_made else "never there")

    for active in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cql, "batch_conditional", lambda entries: (unknown if lost else batch_conditional)(entries))
            await engagement.favourite(bob, post.post_id, active=active)
        assert await count(engagements, post) == await held(cql, post) == 1_000 + active


async def test_a_bucket_whose_growth_was_cut_short_is_counted_by_who_reads_it(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    outbox: CqlOutbox,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    monkeypatch.setattr(large_buckets, "FACTS_AT_ONCE", 7)
    tell = large_buckets.LargeBuckets._tell

    async def dead(*_: object) -> int:
        raise asyncio.CancelledError

    monkeypatch.setattr(large_buckets.LargeBuckets, "_tell", dead)
    with pytest.raises(asyncio.CancelledError):
        await seeded(27, 1_000, cql, posts, engagements, outbox)
    monkeypatch.setattr(large_buckets.LargeBuckets, "_tell", tell)
    post = Plan(seed=27, accounts=MANY, posts=1, likes=1_000).post(0)
    clock.advance(GROWING_US / 1_000_000 + 1)
    assert await count(EngagementRepository(cql, outbox, clock), post) == await held(cql, post) == 1_000


async def test_what_does_not_count_row_by_row_is_found_after_so_many_changes(
    cql: Cql,
    posts: PostRepository,
    engagements: EngagementRepository,
    engagement: Engagement,
    outbox: CqlOutbox,
    versions: HybridClock,
    clock: FakeClock,
    bob: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE_AMOUNT", 10)
    monkeypatch.setattr(large_buckets, "LOOKED_THROUGH_EVERY", 8)
    post = await seeded(24, 1_000, cql, posts, engagements, outbox)
    fact = Fact(FactKind.FAVOURITE, post.post_id, in_bucket_of(bob).account_id, True, versions.next(), clock.now())
    await cql.batch(fact_rows(fact))  # By a release of before.
    async with traced(cql) as trace:
        for number in range(32):
            await engagement.favourite(bob, post.post_id, active=number % 2 == 0)
    assert (trace.names.count("facts_from"), trace.names.count("fact_sum")) == (2 * 4, 0)
    assert await count(engagements, post) == await held(cql, post) == 1_001
