"""Decisions of moderation: the golden events, each also a second time, and in any order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from post_service.consumers import DECISIONS_TOPIC, DecisionsHandler, UnknownDecision
from post_service.errors import PostNotFound
from post_service.models import Draft, Post, PostState
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.read_posts import PostReader
from rookery.moderation.v1.events_pb2 import PostDecided
from rookery.post.v1.events_pb2 import PostUpdated, PostVisible
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.testing.golden import golden, golden_message

Write = Callable[..., Awaitable[Post]]
POST_ID = cast(PostDecided, golden_message(DECISIONS_TOPIC, "PostDecided")).decision.post_id
HELD, REMOVED, VISIBLE = (
    golden(DECISIONS_TOPIC, name) for name in ("PostDecided_held", "PostDecided", "PostDecided_visible")
)


@pytest.fixture
def handler(decisions: Decisions) -> DecisionsHandler:
    return DecisionsHandler(decisions)


async def state_of(posts: PostRepository) -> PostState:
    post = await posts.get(POST_ID)
    assert post is not None
    return post.state


async def test_each_decision_is_obeyed_once_and_by_the_caches_at_once(
    handler: DecisionsHandler,
    posts: PostRepository,
    reader: PostReader,
    write: Write,
    published: list[Event],
    alice: Identity,
    bob: Identity,
) -> None:
    await write(post_id=POST_ID)
    for event, state, seen_by in (
        (HELD, PostState.HELD, {101}),
        (REMOVED, PostState.REMOVED, set[int]()),
        (HELD, PostState.REMOVED, set[int]()),  # older
        (VISIBLE, PostState.VISIBLE, {101, 102}),
    ):
        for _ in range(2):
            await handler(event)
            assert await state_of(posts) == state
            viewers = (alice, bob)
            assert {who.account_id for who in viewers if await reader.visible(who, [POST_ID])} == seen_by
    told = [event.decode() for event in published]
    assert [type(item) for item in told] == [PostUpdated, PostUpdated, PostVisible]
    assert [item.post.state for item in told if isinstance(item, PostUpdated | PostVisible)] == [2, 3, 1]
    assert all(item.post.text for item in told if isinstance(item, PostUpdated | PostVisible))
    for event in (HELD, REMOVED, VISIBLE):  # from the first offset
        await handler(event)
    assert await state_of(posts) == PostState.VISIBLE
    assert len(published) == 3


async def test_a_tombstone_wins_for_good(
    handler: DecisionsHandler,
    remover: PostRemover,
    posts: PostRepository,
    write: Write,
    published: list[Event],
    alice: Identity,
) -> None:
    await write(post_id=POST_ID)
    await remover.delete(alice, POST_ID)
    await handler(REMOVED)
    await handler(VISIBLE)
    assert await state_of(posts) == PostState.DELETED
    assert len(published) == 1


async def test_a_post_that_is_not_there_yet_is_tried_again(handler: DecisionsHandler) -> None:
    with pytest.raises(PostNotFound):
        await handler(HELD)


async def test_a_state_that_is_not_known_is_not_passed_over(handler: DecisionsHandler) -> None:
    message = cast(PostDecided, HELD.decode())
    message.decision.state = 0  # type: ignore[assignment] # as a later version may send
    with pytest.raises(UnknownDecision):
        await handler(replace(HELD, payload=message.SerializeToString()))


@pytest.mark.parametrize("engine", ["redis", "cql"])
async def test_a_decision_waits_for_its_engines(
    handler: DecisionsHandler, reader: PostReader, write: Write, away: set[str], bob: Identity, engine: str
) -> None:
    await write(post_id=POST_ID)
    assert await reader.visible(bob, [POST_ID])
    away.add(engine)
    with pytest.raises(Unavailable):
        await handler(REMOVED)
    away.clear()
    await handler(REMOVED)
    assert await reader.visible(bob, [POST_ID]) == {}


async def test_a_held_post_is_told_of_as_held_and_counts_as_a_reply_once_it_is_released(
    writer: PostWriter,
    decisions: Decisions,
    reader: PostReader,
    posts: PostRepository,
    published: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    alice: Identity,
    bob: Identity,
) -> None:
    parent = (await writer.make(alice, Draft(text="parent"))).post
    monkeypatch.setattr(writer, "_state", PostState.HELD)
    reply = (await writer.make(alice, Draft(text="wait", in_reply_to_id=parent.post_id))).post
    assert (reply.state, await posts.count_replies([parent.post_id])) == (PostState.HELD, {parent.post_id: 0})
    assert set(await reader.visible(alice, [reply.post_id])) == {reply.post_id}
    assert await reader.visible(bob, [reply.post_id]) == {}
    decision = replace(VISIBLE, payload=_decided(reply.post_id))
    await DecisionsHandler(decisions)(decision)
    assert set(await reader.visible(bob, [reply.post_id])) == {reply.post_id}
    counted = (await reader.visible_counted(bob, [parent.post_id]))[parent.post_id].counts
    assert counted.replies == 1
    assert [type(event.decode()).__name__ for event in published] == ["PostCreated", "PostCreated", "PostVisible"]


def _decided(post_id: int) -> bytes:
    message = cast(PostDecided, VISIBLE.decode())
    message.decision.post_id = post_id
    return message.SerializeToString()
