"""The golden events of post, and what messaging makes of them; each also a second time."""

from __future__ import annotations

from typing import Any, cast

import pytest

from messaging_service.consumers import POST_TOPIC, PostEventsHandler
from messaging_service.direct_models import DirectThread
from messaging_service.errors import WrongId
from messaging_service.service.direct_threads import DirectThreads, DirectThreadWriter
from rookery.post.v1.events_pb2 import PostCreated, PostDeleted, PostUpdated, PostVisible
from rookery.post.v1.post_pb2 import Post, PostState
from rookery_common.kafka.events import Event, new_event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden_events, golden_message

DIRECT = cast(PostCreated, golden_message(POST_TOPIC, "PostCreated_direct")).post
ALICE, BOB = DIRECT.author_id, DIRECT.mentions[0].account_id


@pytest.fixture
def handle(direct_writer: DirectThreadWriter) -> PostEventsHandler:
    return PostEventsHandler(direct_writer)


def changed(kind: type[Any], clock: FakeClock, **fields: Any) -> Event:
    post = Post()
    post.CopyFrom(DIRECT)
    for name, value in fields.items():
        setattr(post, name, value)
    return new_event(POST_TOPIC, str(post.post_id), kind(post=post), version=post.version, clock=clock, source="post")


async def thread(threads: DirectThreads, owner_id: int) -> DirectThread | None:
    found = await threads.get_many(owner_id, [DIRECT.thread_id])
    return found[0] if found else None


async def test_of_the_examples_the_direct_post_alone_makes_a_thread(
    handle: PostEventsHandler, direct_threads: DirectThreads
) -> None:
    for _ in range(2):
        await handle(golden_events(POST_TOPIC))
        for owner_id in (ALICE, BOB):
            found = await thread(direct_threads, owner_id)
            assert found is not None
            assert [(post.post_id, post.account_ids) for post in found.posts] == [
                (DIRECT.post_id, tuple(sorted((ALICE, BOB))))
            ]
            assert found.unread is (owner_id == BOB)
    everybody = {
        message.post.author_id for event in golden_events(POST_TOPIC) if (message := cast(Any, event.decode()))
    }
    for owner_id in everybody - {ALICE, BOB}:
        assert await direct_threads.get_many(owner_id, [DIRECT.thread_id]) == []


async def test_a_held_post_is_there_once_it_may_be_seen_and_until_it_is_deleted(
    handle: PostEventsHandler, direct_threads: DirectThreads, clock: FakeClock
) -> None:
    held = changed(PostCreated, clock, state=PostState.POST_STATE_HELD)
    await handle([held])
    assert await thread(direct_threads, BOB) is None
    await handle([changed(PostVisible, clock, version=2)])
    assert await thread(direct_threads, BOB) is not None
    await handle([changed(PostUpdated, clock, version=3, state=PostState.POST_STATE_REMOVED)])
    assert await thread(direct_threads, BOB) is None
    await handle([changed(PostVisible, clock, version=4)])
    deleted = changed(PostDeleted, clock, version=5, state=PostState.POST_STATE_DELETED)
    await handle([deleted])
    await handle([held, changed(PostVisible, clock, version=4)])
    assert await thread(direct_threads, BOB) is None


async def test_an_event_that_names_nobody_is_refused(handle: PostEventsHandler, clock: FakeClock) -> None:
    with pytest.raises(WrongId):
        await handle([changed(PostCreated, clock, author_id=0)])
