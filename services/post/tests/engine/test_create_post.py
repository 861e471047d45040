"""Creating posts over real engines, with a crash at every line between the key's row and the event's publishing."""

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
from rookery_common.testing.crash import crash_at
from rookery_common.testing.events import FakeProducer

EVERY_NTH_LINE = 3
# What dies between making a coroutine and awaiting it never awaits it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("first_line", range(1, EVERY_NTH_LINE + 1))
async def test_after_a_crash_at_any_line_there_is_one_post_and_it_is_told_of(
    first_line: int,
    writer: PostWriter,
    posts: PostRepository,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    alice: Identity,
) -> None:
    parent = await writer.create(alice, Draft(text="parent"))
    made = {parent.post_id}
    for line in range(first_line, 1000, EVERY_NTH_LINE):
        draft = Draft(text="@bob once", in_reply_to_id=parent.post_id, request_id=f"key-{line}")
        async with crash_at(line, create_post, posts_module) as point:
            await writer.create(alice, draft)
        clock.advance(1)
        if point.happened and line % 2:  # The client of every other crash never comes back.
            continue
        made.add((await writer.create(alice, draft)).post_id)
        assert (await writer.create(alice, draft)).post_id in made
        if not point.happened:
            break
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(producer)
    stored = {row.post_id for row in await posts.authored(101, 0, MAX_ID, 1000)}
    assert made <= stored
    assert {int(event.key) for event in producer.sent} == stored
    replies = len(stored) - 1
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: replies}
    assert line > 60
