"""Decisions and deletions over real engines: crashes after every answer, replays, and both at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from post_service.models import Decision, Post, PostState, Visibility
from post_service.repository import engagements as engagements_module
from post_service.repository import posts as posts_module
from post_service.repository.cache import PostCache
from post_service.repository.engagements import EngagementCounts, EngagementRepository
from post_service.repository.posts import PostRepository
from post_service.service import decide, delete_post
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from rookery.post.v1.events_pb2 import PostDeleted, PostUpdated, PostVisible
from rookery_common.auth import Identity
from rookery_common.clients.redis import RedisClient
from rookery_common.ids import time_of
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.crash import crash_after
from rookery_common.testing.engines import forget_keys
from rookery_common.testing.events import FakeProducer

Write = Callable[..., Awaitable[Post]]
MAX_ANSWERS = 100
DAY = 24 * 3600
# What dies between making a coroutine and awaiting it never awaits it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("removes_first", [True, False])
async def test_a_decision_is_whole_after_a_crash_at_any_line_and_a_replay(
    removes_first: bool,
    decisions: Decisions,
    reader: PostReader,
    posts: PostRepository,
    write: Write,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    bob: Identity,
) -> None:
    post, parent, history = await write(), await write(), list[Decision]()
    reply = await write(in_reply_to_id=parent.post_id)
    for answer in range(1, MAX_ANSWERS):
        await reader.visible(bob, [post.post_id, reply.post_id, parent.post_id])  # now they are cached
        state = PostState.REMOVED if removes_first == bool(answer % 2) else PostState.VISIBLE
        both = [Decision(each.post_id, state, answer) for each in (post, reply)]
        history += both
        for decision in both:
            async with crash_after(answer, decide, posts_module) as point:
                await decisions.apply(decision)
            clock.advance(1)
            await decisions.apply(decision)  # The offset had not moved.
        seen = await reader.visible_counted(bob, [post.post_id, reply.post_id, parent.post_id])
        shown = {post.post_id, reply.post_id} if state == PostState.VISIBLE else set()
        assert set(seen) - {parent.post_id} == shown
        assert seen[parent.post_id].counts.replies == len(shown) // 2
        if not point.happened:
            break
    for decision in history:  # from the first offset
        await decisions.apply(decision)
    assert set(await reader.visible(bob, [post.post_id, reply.post_id])) == shown
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(producer)
    told = [event.decode() for event in producer.sent if event.key == str(post.post_id)]
    states = {item.post.version: int(item.post.state) for item in told if isinstance(item, PostUpdated | PostVisible)}
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert states[max(states)] == stored.state
    assert not point.happened
    assert answer > 7


async def test_a_deletion_is_whole_after_a_crash_at_any_line_and_another_try(
    remover: PostRemover,
    reader: PostReader,
    posts: PostRepository,
    write: Write,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    alice: Identity,
) -> None:
    parent, made = await write(), list[Post]()
    for answer in range(1, MAX_ANSWERS):
        made.append(await write(in_reply_to_id=parent.post_id))
        await reader.visible(alice, [made[-1].post_id, parent.post_id])
        async with crash_after(answer, delete_post, posts_module) as point:
            await remover.delete(alice, made[-1].post_id)
        clock.advance(1)
        await remover.delete(alice, made[-1].post_id)
        assert await reader.visible(alice, [made[-1].post_id]) == {}
        assert (await reader.visible_counted(alice, [parent.post_id]))[parent.post_id].counts.replies == 0
        if not point.happened:
            break
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(producer)
    told = [event.decode() for event in producer.sent]
    assert {item.post.post_id for item in told if isinstance(item, PostDeleted)} == {post.post_id for post in made}
    assert not point.happened
    assert answer > 7


async def test_a_deletion_wins_over_a_decision_that_is_made_at_the_same_time(
    remover: PostRemover,
    decisions: Decisions,
    reader: PostReader,
    posts: PostRepository,
    cache: PostCache,
    redis: RedisClient,
    redis_prefix: str,
    write: Write,
    alice: Identity,
) -> None:
    for version in range(1, 21):
        post = await write()
        await reader.visible(alice, [post.post_id])
        await asyncio.gather(
            decisions.apply(Decision(post.post_id, PostState.HELD, version)),
            remover.delete(alice, post.post_id),
            decisions.apply(Decision(post.post_id, PostState.REMOVED, version + 1)),
        )
        for _ in range(2):
            assert await reader.visible(alice, [post.post_id]) == {}
            await forget_keys(redis.raw, redis_prefix)
        stored = await posts.get(post.post_id)
        assert stored is not None
        assert (stored.state, stored.text) == (PostState.DELETED, "")


async def test_all_reblogs_of_a_deleted_post_go(
    remover: PostRemover,
    reblogger: Reblogger,
    engagements: EngagementRepository,
    posts: PostRepository,
    write: Write,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engagements_module, "HOLDERS_PER_READ", 2)
    post = await write()
    people = [Identity(number, number, 1) for number in range(1, 71)]
    made = await asyncio.gather(*(reblogger.reblog(who, post.post_id, Visibility.PUBLIC) for who in people))
    assert await engagements.count([post.post_id]) == {post.post_id: EngagementCounts(reblogs=70)}
    await remover.delete(alice, post.post_id)
    for _ in range(2):
        await remover.remove_reblogs(post.post_id)
    gone = await posts.get_many(reblog.post_id for reblog in made)
    assert [reblog.state for reblog in gone.values()] == [PostState.DELETED] * 70
    assert await engagements.count([post.post_id]) == {post.post_id: EngagementCounts()}


async def test_a_late_change_of_an_old_reply_is_counted(
    remover: PostRemover,
    decisions: Decisions,
    posts: PostRepository,
    write: Write,
    clock: FakeClock,
    ids: FakeIds,
    monkeypatch: pytest.MonkeyPatch,
    alice: Identity,
) -> None:
    monkeypatch.setattr(posts_module, "SETTLE_ROWS", 3)
    parent = await write()
    replies = [await write(in_reply_to_id=parent.post_id) for _ in range(6)]
    clock.advance(3 * DAY)
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: 6}
    await remover.delete(alice, replies[1].post_id)
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: 5}
    for version, (state, expected) in enumerate(((PostState.HELD, 4), (PostState.VISIBLE, 5)), 1):
        await posts.count_replies([parent.post_id])
        await decisions.apply(Decision(replies[2].post_id, state, version))
        assert await posts.count_replies([parent.post_id]) == {parent.post_id: expected}
    assert time_of(replies[2].post_id) < clock.now()
