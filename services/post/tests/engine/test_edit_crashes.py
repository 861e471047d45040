"""Editing over real engines, with a crash after every answer from the first read to the cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.models import Edit, Post, PostQuery
from post_service.repository import revisions as revisions_module
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service import edit_post, settle
from post_service.service.edit_post import PostEditor
from post_service.service.read_posts import PostReader, ViewerQuery
from rookery.post.v1.events_pb2 import PostUpdated
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_after
from rookery_common.testing.events import FakeProducer

Write = Callable[..., Awaitable[Post]]
MAX_ANSWERS = 60
# What dies between making a coroutine and awaiting it never awaits it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def test_after_a_crash_at_any_answer_an_edit_is_whole_or_not_there_and_what_is_stored_is_told(
    editor: PostEditor,
    posts: PostRepository,
    revisions: RevisionRepository,
    reader: PostReader,
    write: Write,
    outbox: CqlOutbox,
    producer: FakeProducer,
    clock: FakeClock,
    alice: Identity,
) -> None:
    edited: dict[int, str] = {}
    for answer in range(1, MAX_ANSWERS):
        post, edit = await write(mentions=(), tags=()), Edit(text=f"Edit number{answer}")
        async with crash_after(answer, edit_post, settle, revisions_module) as point:
            await editor.edit(alice, post.post_id, edit)
        clock.advance(1)
        stored = await posts.get(post.post_id)
        assert stored is not None
        assert (stored.text, stored.edit_time is None) in (("Hello, world", True), (edit.text, False))
        assert len(await revisions.of(post.post_id, 9)) == (0 if stored.edit_time is None else 2)
        if answer % 2 or not point.happened:  # The client of every other crash tries again.
            stored = await editor.edit(alice, post.post_id, edit)
            (views,) = await reader.batch_get([ViewerQuery(alice, [PostQuery(post.post_id)])])
            assert not isinstance(views, AppError)
            assert edit.text.encode() in views[0].post.body
            assert len(await revisions.of(post.post_id, 9)) == 2
        if stored.edit_time is not None:
            edited[post.post_id] = edit.text
        if not point.happened:
            break
    assert not point.happened
    assert answer > 5
    await outbox.drain()
    clock.advance(10)
    await outbox.sweep(producer)
    told = [event.decode() for event in producer.sent]
    assert {each.post.post_id: each.post.text for each in told if isinstance(each, PostUpdated)} == edited
