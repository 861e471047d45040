"""Whatever becomes of the groups of post, their effect is that of each event told once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from post_fakes.recordings import recording

from post_service.consumers import (
    DECISIONS_GROUP,
    DECISIONS_TOPIC,
    DELETIONS_GROUP,
    DELETIONS_TOPIC,
    MEDIA_GROUP,
    MEDIA_TOPIC,
    DecisionsHandler,
    DeletionsHandler,
    MediaHandler,
)
from post_service.models import Post, PostState, Visibility
from post_service.part_upload_models import PREFIX
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.media import MediaLibrary, UploadHeader
from post_service.service.process_media import MediaProcessing
from post_service.service.read_posts import PostReader
from post_service.service.reblog import Reblogger
from rookery.moderation.v1.decision_pb2 import DecisionState
from rookery.moderation.v1.events_pb2 import PostDecided
from rookery.post.v1.events_pb2 import PostDeleted
from rookery_common.auth import Identity
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.events import Event
from rookery_common.testing.consuming import group_on_trial, one_by_one, prove
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden

Write = Callable[..., Awaitable[Post]]


def decided(post: Post, state: DecisionState.ValueType, version: int) -> Event:
    event = golden(DECISIONS_TOPIC, "PostDecided")
    message = event.decode()
    assert isinstance(message, PostDecided)
    message.decision.post_id, message.decision.state, message.decision.version = post.post_id, state, version
    return replace(event, key=str(post.post_id), payload=message.SerializeToString(), version=version)


async def test_the_last_decision_on_a_post_holds(
    decisions: Decisions, posts: PostRepository, write: Write, kafka_bootstrap: str, topic_prefix: str
) -> None:
    held, removed, released = await write(), await write(), await write()
    first = [decided(post, DecisionState.DECISION_STATE_HELD, 1) for post in (held, removed, released)]
    later = [
        decided(removed, DecisionState.DECISION_STATE_REMOVED, 2),
        decided(released, DecisionState.DECISION_STATE_VISIBLE, 2),
    ]

    async def states() -> list[PostState]:
        stored = await posts.get_many([held.post_id, removed.post_id, released.post_id])
        return [stored[post.post_id].state for post in (held, removed, released)]

    handler = one_by_one(DecisionsHandler(decisions))
    async with group_on_trial(
        kafka_bootstrap, topic_prefix, DECISIONS_GROUP, DECISIONS_TOPIC, handler, alone=True
    ) as trial:
        expected = [PostState.HELD, PostState.REMOVED, PostState.VISIBLE]
        assert await prove(trial, first, later, states) == expected


async def test_the_reblogs_of_deleted_posts_are_deleted_once(
    remover: PostRemover,
    reblogger: Reblogger,
    reader: PostReader,
    posts: PostRepository,
    write: Write,
    outbox: CqlOutbox,
    producer: FakeProducer,
    alice: Identity,
    bob: Identity,
    kafka_bootstrap: str,
    topic_prefix: str,
) -> None:
    originals = [await write(), await write()]
    reblogs = [await reblogger.reblog(bob, post.post_id, Visibility.PUBLIC) for post in originals]
    for post in originals:
        await remover.delete(alice, post.post_id)
    await outbox.drain()
    told = [event for event in producer.sent if isinstance(event.decode(), PostDeleted)]
    assert [int(event.key) for event in told] == [post.post_id for post in originals]

    async def states() -> list[tuple[PostState, int]]:
        """With the versions: what is deleted again would have a higher one."""
        stored = await posts.get_many([reblog.post_id for reblog in reblogs])
        return [(stored[reblog.post_id].state, stored[reblog.post_id].version) for reblog in reblogs]

    handler = one_by_one(DeletionsHandler(remover, reader))
    async with group_on_trial(
        kafka_bootstrap, topic_prefix, DELETIONS_GROUP, DELETIONS_TOPIC, handler, alone=True
    ) as trial:
        await prove(trial, told[:1], told[1:], states)
        assert [state for state, _ in await states()] == [PostState.DELETED] * 2


async def test_accepted_uploads_are_processed_once_also_those_that_are_broken(
    library: MediaLibrary,
    processing: MediaProcessing,
    media: MediaRepository,
    objects: S3Parts,
    told: Callable[[], Awaitable[list[Event]]],
    kafka_bootstrap: str,
    topic_prefix: str,
) -> None:
    whole, ids = recording("ogg", "", "libopus"), []

    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        yield data

    for data in (whole, whole[:100], whole):
        accepted = await library.upload(101, UploadHeader(accepts_pending=True), chunks(data))
        ids.append(accepted.media_id)
    due = sorted(await told(), key=lambda event: int(event.key))

    async def states() -> list[tuple[str, str, int]]:
        found = await media.get_many(ids)
        return [(found[each].original_key, found[each].failure, found[each].version) for each in ids]

    handler = one_by_one(MediaHandler(processing))
    async with group_on_trial(kafka_bootstrap, topic_prefix, MEDIA_GROUP, MEDIA_TOPIC, handler, alone=True) as trial:
        await prove(trial, due[:2], due[2:], states)
    assert [(bool(key), bool(failure)) for key, failure, _ in await states()] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert await objects.stored(PREFIX) == []
