"""Creating posts over real engines, with a crash after every answer from the key's row to the event's publishing."""

from __future__ import annotations

import pytest

from post_service.models import Draft
from post_service.repository import posts as posts_module
from post_service.repository.posts import PostRepository
from post_service.service import create_post
from post_service.service.create_post import PostWriter
from rookery_common.auth import Identity
from rookery_common.ids import MAX_ID
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_after
from rookery_common.testing.events import FakeProducer

MAX_ANSWERS = 100
# What dies between making a coroutine and awaiting it never awaits it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_after_a_crash_at_any_line_there_is_one_post_and_it_is_told_of(
    comes_back: bool,
    writer: PostWriter,
    posts: PostRepository,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    alice: Identity,
) -> None:
    parent = (await writer.make(alice, Draft(text="parent"))).post
    made = {parent.post_id}
    for answer in range(1, MAX_ANSWERS):
        draft = Draft(text="@bob once", in_reply_to_id=parent.post_id, request_id=f"key-{answer}")
        async with crash_after(answer, create_post, posts_module) as point:
            await writer.make(alice, draft)
        clock.advance(1)
        if point.happened and not comes_back:
            continue
        made.add((await writer.make(alice, draft)).post.post_id)
        assert (await writer.make(alice, draft)).post.post_id in made
        if not point.happened:
            break
    assert not point.happened
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(producer)
    stored = {row.post_id for row in await posts.authored(101, 0, MAX_ID, MAX_ANSWERS)}
    assert made <= stored
    assert {int(event.key) for event in producer.sent} == stored
    replies = len(stored) - 1
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: replies}
    assert answer > 10
