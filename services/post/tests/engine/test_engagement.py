"""Favourites, bookmarks and reblogs over real engines: counts equal the rows, whoever does what at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from post_service.models import FactKind, Post, PostMarks, PostQuery, PostState, PostView, Visibility
from post_service.repository import engagements as engagements_module
from post_service.repository import large_buckets
from post_service.repository.engagements import BUCKETS, LARGE_AMOUNT, EngagementCounts, EngagementRepository
from post_service.repository.marks import MarkRepository, week_of
from post_service.repository.posts import PostRepository
from post_service.service import engage, reblog
from post_service.service.count_told import CountingSender
from post_service.service.engage import Engagement
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.reblog import Reblogger
from rookery.post.v1.engagement_events_pb2 import PostFavourited, PostUnfavourited
from rookery_common.auth import Identity
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.redis import RedisClient
from rookery_common.errors import AppError
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_after
from rookery_common.testing.engines import forget_keys
from rookery_common.testing.events import FakeProducer

Write = Callable[..., Awaitable[Post]]
MAX_ANSWERS = 200


def member(account_id: int) -> Identity:
    return Identity(account_id, account_id, 1, frozenset({"read", "write"}))


async def view(reader: PostReader, viewer: Identity, post: Post) -> PostView:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post.post_id)])])
    assert not isinstance(answer, AppError)
    return answer[0]


async def rows_held(cql: Cql, kind: FactKind, post: Post) -> int:
    sums = await cql.many("fact_sum", [(post.post_id, kind, bucket) for bucket in range(BUCKETS)])
    return sum(rows[0].amount or 0 for rows in sums)


async def test_the_count_equals_the_rows_after_many_have_liked_and_unliked_at_once(
    engagement: Engagement, reader: PostReader, write: Write, cql: Cql, redis: RedisClient, redis_prefix: str
) -> None:
    post = await write()
    people = [member(number) for number in range(1, 31)]
    acts = [(person, True) for person in people] + [(person, False) for person in people[:10]]
    acts += [(people[0], bool(number % 2)) for number in range(10)]
    random.Random(4).shuffle(acts)
    await view(reader, people[0], post)
    await asyncio.gather(*(engagement.favourite(who, post.post_id, active=active) for who, active in acts))
    held = await rows_held(cql, FactKind.FAVOURITE, post)
    assert 20 <= held <= 30
    for _ in range(2):
        for person in people[::10]:
            seen = await view(reader, person, post)
            fact = await engagement._engagements.find(FactKind.FAVOURITE, post.post_id, person.account_id)
            assert (seen.counts.favourites, seen.marks.favourited) == (held, fact.active)
        await forget_keys(redis.raw, redis_prefix)  # once more, from the store


async def test_one_who_likes_and_unlikes_at_once_ends_where_the_last_write_left_it(
    engagement: Engagement, reader: PostReader, write: Write, producer: FakeProducer, outbox: CqlOutbox
) -> None:
    post, bob = await write(), member(102)
    await asyncio.gather(*(engagement.favourite(bob, post.post_id, active=bool(n % 2)) for n in range(50)))
    seen = await view(reader, bob, post)
    assert seen.counts.favourites == int(seen.marks.favourited)
    await outbox.drain()
    told = [event.decode() for event in producer.sent if event.topic == "post.engagement.v1"]
    states = [item.favourite for item in told if isinstance(item, PostFavourited | PostUnfavourited)]
    last = max(states, key=lambda state: state.version)
    assert last.active == seen.marks.favourited
    await engagement.favourite(bob, post.post_id, active=False)
    assert (await view(reader, bob, post)).counts.favourites == 0


async def test_two_processes_count_the_same_bucket(
    cql: Cql, outbox: CqlOutbox, clock: FakeClock, engagement: Engagement, reader: PostReader, write: Write
) -> None:
    post, other = await write(), EngagementRepository(cql, outbox, clock)
    for number in range(1, 9):
        who = member(number)
        await engagement.favourite(who, post.post_id, active=True)
        fact = await other.find(FactKind.FAVOURITE, post.post_id, number)
        await asyncio.gather(other.recount(fact), engagement._engagements.recount(fact))
        counts = await other.count([post.post_id, 7])
        assert counts == {post.post_id: EngagementCounts(0, number), 7: EngagementCounts()}


async def test_bookmarks_are_kept_and_taken_back(
    engagement: Engagement, reader: PostReader, write: Write, producer: FakeProducer, outbox: CqlOutbox
) -> None:
    post, bob = await write(), member(102)
    for active in (True, True, False, False, True):
        await engagement.bookmark(bob, post.post_id, active=active)
        assert (await view(reader, bob, post)).marks == PostMarks(bookmarked=active)
        assert (await view(reader, member(103), post)).marks == PostMarks()
    await outbox.drain()
    assert [event.topic for event in producer.sent] == []


async def test_marks_beyond_what_is_cached_are_found_too(
    engagement: Engagement,
    reader: PostReader,
    write: Write,
    marks: MarkRepository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("post_service.repository.marks.MAX_SHEET_MARKS", 3)
    bob, posts = member(102), [await write() for _ in range(6)]
    for post in posts:
        await engagement.favourite(bob, post.post_id, active=True)
    week = week_of(102, posts[0].post_id)
    sheet = (await marks.sheets([week]))[week]
    assert (len(sheet.marks), sheet.floor) == (3, posts[3].post_id)
    for post in posts:
        assert (await view(reader, bob, post)).marks == PostMarks(favourited=True)


async def test_many_reblogs_at_once_are_one(
    reblogger: Reblogger,
    reader: PostReader,
    posts: PostRepository,
    write: Write,
    cql: Cql,
    producer: FakeProducer,
    outbox: CqlOutbox,
) -> None:
    post, bob = await write(), member(102)
    made = await asyncio.gather(*(reblogger.reblog(bob, post.post_id, Visibility.PUBLIC) for _ in range(10)))
    assert len({item.post_id for item in made}) == 1
    seen = await view(reader, bob, post)
    assert (seen.counts.reblogs, seen.marks.reblogged) == (1, True)
    await reblogger.unreblog(bob, made[0].post_id)
    assert await rows_held(cql, FactKind.REBLOG, post) == 0
    seen = await view(reader, bob, post)
    assert (seen.counts.reblogs, seen.marks.reblogged) == (0, False)
    again = await reblogger.reblog(bob, post.post_id, Visibility.UNLISTED)
    assert again.post_id != made[0].post_id
    first = await posts.get(made[0].post_id)
    assert first is not None
    assert first.state == PostState.DELETED
    assert (await view(reader, bob, post)).counts.reblogs == 1
    await outbox.drain()
    assert {event.key for event in producer.sent} == {str(made[0].post_id), str(again.post_id)}


@pytest.mark.parametrize("large", [LARGE_AMOUNT, 1])
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_after_a_crash_at_any_line_what_is_read_and_told_equals_the_rows(
    engagement: Engagement,
    reblogger: Reblogger,
    reader: PostReader,
    write: Write,
    cql: Cql,
    redis: RedisClient,
    redis_prefix: str,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    large: int,
) -> None:
    monkeypatch.setattr(engagements_module, "LARGE_AMOUNT", large)
    post = await write()
    for answer in range(1, MAX_ANSWERS):
        who = member(1000 + answer)
        async with crash_after(answer, engage, reblog, engagements_module, large_buckets) as point:
            await engagement.favourite(who, post.post_id, active=True)
            await reblogger.reblog(who, post.post_id, Visibility.PUBLIC)
        clock.advance(1)
        if not point.happened:
            break
        if answer % 2:  # The client of every other crash tries again.
            await engagement.favourite(who, post.post_id, active=True)
            await reblogger.reblog(who, post.post_id, Visibility.PUBLIC)
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(CountingSender(producer, EngagementRepository(cql, outbox, clock)))
    await forget_keys(redis.raw, redis_prefix)
    likes, reblogs = [await rows_held(cql, kind, post) for kind in (FactKind.FAVOURITE, FactKind.REBLOG)]
    counts = (await view(reader, who, post)).counts
    assert (counts.favourites, counts.reblogs) == (likes, reblogs)
    assert len({event.key for event in producer.sent if event.topic == "post.engagement.v1"}) == likes
    assert len({event.key for event in producer.sent if event.topic == "post.events.v1"}) == reblogs + 1
    assert not point.happened
    assert answer > 20
