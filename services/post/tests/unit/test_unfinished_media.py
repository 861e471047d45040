"""Uploads that are processed after the answer: what their owners see meanwhile, and that they end in one way only."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from post_fakes.recordings import recording

from post_service.consumers import MediaHandler
from post_service.errors import (
    BrokenFile,
    MediaFailed,
    MediaInUse,
    MediaNotFound,
    MediaNotReady,
    MediaNotThereYet,
    TooManyUnfinished,
    UnsupportedType,
)
from post_service.events import PostCodec
from post_service.imaging.formats import Kind
from post_service.imaging.slowness import QUICK_BYTES, expected_type, is_slow
from post_service.models import MAX_UNFINISHED, Draft, Edit, Focus, Media, MediaType, Post, Purpose
from post_service.repository import unfinished_media as unfinished_repository
from post_service.repository.media import MediaRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.service import media_files
from post_service.service import process_media as process_module
from post_service.service.create_post import PostWriter
from post_service.service.edit_post import PostEditor
from post_service.service.media import MediaLibrary, UploadHeader
from post_service.service.process_media import GONE, ROW_PATIENCE, MediaProcessing
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from rookery.post.v1 import media_pb2
from rookery_common.auth import Identity
from rookery_common.clients.s3 import ObjectNotFound
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import CrashAt
from rookery_common.testing.golden import golden

ALICE = 101
LATER = UploadHeader("film.mp4", "video/mp4", "It grows lighter", Focus(0.5, -0.5), accepts_pending=True)
Told = Callable[[], Awaitable[list[Event]]]


@pytest.fixture(scope="module")
def film() -> bytes:
    return recording("mp4", "libx264", "aac")


@pytest.fixture
def handler(processing: MediaProcessing) -> MediaHandler:
    return MediaHandler(processing)


@pytest.fixture
def accept(library: MediaLibrary, film: bytes) -> Callable[..., Awaitable[Media]]:
    async def accepted(data: bytes = film, **header: object) -> Media:
        return await library.upload(ALICE, replace(LATER, **header), chunks(data))  # type: ignore[arg-type]

    return accepted


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def due(told: Told, media: Media) -> Event:
    [event] = [each for each in await told() if each.key == str(media.media_id)]
    return event


async def stored(objects: S3Parts, key: str) -> bytes | None:
    try:
        return await objects.get(key, max_bytes=100_000_000)
    except ObjectNotFound:
        return None


def source_of(event: Event) -> str:
    return str(event.decode().source_key)  # type: ignore[attr-defined]


async def test_a_video_is_accepted_at_once_and_done_later(
    accept: Callable[..., Awaitable[Media]],
    library: MediaLibrary,
    handler: MediaHandler,
    objects: S3Parts,
    codec: PostCodec,
    told: Told,
    film: bytes,
) -> None:
    accepted = await accept()
    shown = codec.media(await library.get(ALICE, accepted.media_id))
    assert (shown.state, shown.url, shown.preview_url) == (media_pb2.MEDIA_STATE_PROCESSING, "", "")
    assert (shown.type, shown.description, shown.focus_x) == (media_pb2.MEDIA_TYPE_VIDEO, "It grows lighter", 0.5)
    assert not shown.HasField("playback")
    event = await due(told, accepted)
    assert await stored(objects, source_of(event)) == film
    described = await library.update(ALICE, accepted.media_id, "A sunrise", None, None)
    assert described.is_unfinished
    await handler(event)
    done = await library.get(ALICE, accepted.media_id)
    assert (done.is_unfinished, done.type, done.description, done.focus) == (
        False,
        MediaType.VIDEO,
        "A sunrise",
        Focus(0.5, -0.5),
    )
    assert done.playback is not None
    assert done.playback.milliseconds > 0
    assert done.version > accepted.version
    assert await stored(objects, done.original_key)
    assert await stored(objects, done.small_key)
    assert await stored(objects, source_of(event)) is None
    assert codec.media(done).state == media_pb2.MEDIA_STATE_UNSPECIFIED


async def test_who_does_not_ask_for_it_gets_all_at_once(library: MediaLibrary, told: Told, film: bytes) -> None:
    media = await library.upload(ALICE, replace(LATER, accepts_pending=False), chunks(film))
    assert (media.is_unfinished, bool(media.original_key)) == (False, True)
    with pytest.raises(UnsupportedType):
        await library.upload(ALICE, replace(LATER, purpose=Purpose.AVATAR), chunks(film))
    assert await told() == []


async def test_the_same_request_is_accepted_once_and_made_at_once_for_who_does_not_wait(
    accept: Callable[..., Awaitable[Media]], library: MediaLibrary, handler: MediaHandler, told: Told, film: bytes
) -> None:
    accepted = await accept(request_id="k")
    again = await accept(request_id="k")
    assert (again.media_id, len(await told())) == (accepted.media_id, 1)
    header = replace(LATER, request_id="k", accepts_pending=False)
    made = await library.upload(ALICE, header, chunks(film))
    assert (made.media_id, made.is_unfinished) == (accepted.media_id, False)
    await handler(await due(told, accepted))
    assert await library.get(ALICE, accepted.media_id) == made


async def test_nothing_takes_what_is_not_done(
    accept: Callable[..., Awaitable[Media]],
    writer: PostWriter,
    editor: PostEditor,
    scheduled_posts: ScheduledPosts,
    saved_drafts: SavedDrafts,
    write: Callable[..., Awaitable[Post]],
    alice: Identity,
    clock: FakeClock,
    handler: MediaHandler,
    told: Told,
) -> None:
    accepted = await accept()
    ids = (accepted.media_id,)
    post = await write()
    draft = Draft(text="A film", media_ids=ids)
    with pytest.raises(MediaNotReady, match="finished processing"):
        await writer.make(alice, draft)
    with pytest.raises(MediaNotReady):
        await editor.edit(alice, post.post_id, Edit(text="After", media_ids=ids))
    with pytest.raises(MediaNotReady):
        await scheduled_posts.schedule(alice, draft, clock.now() + timedelta(hours=1))
    with pytest.raises(MediaNotReady):
        await saved_drafts.create(alice, draft)
    await handler(await due(told, accepted))
    assert [each.media_id for each in (await writer.make(alice, draft)).post.media] == [accepted.media_id]


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (recording("mp4", "libx264", "aac")[:300], "is broken: it can't be decoded"),
        (recording("mp4", "mpeg4"), "is encoded as mpeg4"),
    ],
)
async def test_what_nothing_can_be_made_of_tells_its_owner_why(
    accept: Callable[..., Awaitable[Media]],
    library: MediaLibrary,
    writer: PostWriter,
    handler: MediaHandler,
    objects: S3Parts,
    alice: Identity,
    told: Told,
    data: bytes,
    failure: str,
) -> None:
    accepted = await accept(data, request_id="k")
    event = await due(told, accepted)
    for _ in range(2):
        await handler(event)
    for refused in (
        lambda: library.get(ALICE, accepted.media_id),
        lambda: library.update(ALICE, accepted.media_id, "x", None, None),
        lambda: writer.make(alice, Draft(media_ids=(accepted.media_id,))),
        lambda: accept(data, request_id="k"),
    ):
        with pytest.raises(MediaFailed, match=failure):
            await refused()
    assert await stored(objects, source_of(event)) is None
    await library.delete(ALICE, accepted.media_id)
    with pytest.raises(MediaNotFound):
        await library.get(ALICE, accepted.media_id)


async def test_a_wrong_type_is_refused_at_once(accept: Callable[..., Awaitable[Media]], told: Told) -> None:
    with pytest.raises(UnsupportedType):
        await accept(b"<html>")
    with pytest.raises(UnsupportedType):
        await accept(content_type="video/webm")
    with pytest.raises(BrokenFile):
        await accept(b"")
    assert await told() == []


async def test_what_an_account_may_have_unfinished_is_bounded(
    accept: Callable[..., Awaitable[Media]], handler: MediaHandler, told: Told
) -> None:
    first = await accept()
    for _ in range(MAX_UNFINISHED - 1):
        await accept()
    with pytest.raises(TooManyUnfinished) as caught:
        await accept()
    assert caught.value.retry_after
    await handler(await due(told, first))
    await accept()


async def test_what_is_deleted_meanwhile_is_not_made(
    accept: Callable[..., Awaitable[Media]],
    library: MediaLibrary,
    media: MediaRepository,
    unfinished: UnfinishedMediaRepository,
    handler: MediaHandler,
    objects: S3Parts,
    told: Told,
) -> None:
    accepted = await accept()
    await library.delete(ALICE, accepted.media_id)
    event = await due(told, accepted)
    await handler(event)
    assert await media.get_many([accepted.media_id]) == {}
    assert (await stored(objects, source_of(event)), await unfinished.count(ALICE, 10)) == (None, 0)


async def test_an_event_may_come_before_what_it_tells_of(
    handler: MediaHandler, clock: FakeClock, media: MediaRepository
) -> None:
    event = golden("post.media.v1", "MediaDue")
    with pytest.raises(MediaNotThereYet):
        await handler(replace(event, occurred_at=clock.now()))
    await handler(replace(event, occurred_at=clock.now() - ROW_PATIENCE))
    assert await media.get_many([int(event.key)]) == {}


async def test_what_lies_in_the_store_no_more_must_be_uploaded_again(
    accept: Callable[..., Awaitable[Media]], library: MediaLibrary, handler: MediaHandler, objects: S3Parts, told: Told
) -> None:
    accepted = await accept()
    event = await due(told, accepted)
    await objects.delete(source_of(event))
    await handler(event)
    with pytest.raises(MediaFailed, match=GONE):
        await library.get(ALICE, accepted.media_id)


async def test_a_crash_at_any_step_leaves_the_same_and_a_post_keeps_what_it_took(
    accept: Callable[..., Awaitable[Media]],
    library: MediaLibrary,
    writer: PostWriter,
    handler: MediaHandler,
    objects: S3Parts,
    unfinished: UnfinishedMediaRepository,
    crashing: Callable[..., AbstractAsyncContextManager[CrashAt]],
    alice: Identity,
    told: Told,
    clock: FakeClock,
) -> None:
    for step in range(1, 100):
        clock.advance(1)
        accepted = await accept(moving(), filename="a.gif", content_type="image/gif")
        event = await due(told, accepted)
        async with crashing(step, process_module, media_files, unfinished_repository) as crash:
            await handler(event)
        await handler(event)
        done = await library.get(ALICE, accepted.media_id)
        assert (done.is_unfinished, done.type) == (False, MediaType.GIFV)
        post = (await writer.make(alice, Draft(media_ids=(done.media_id,)))).post
        await handler(event)  # Late, and once more.
        attached = await library.get(ALICE, done.media_id)
        assert (attached.post_id, attached.original_key) == (post.post_id, done.original_key)
        assert await stored(objects, source_of(event)) is None
        assert await unfinished.count(ALICE, 10) == 0
        with pytest.raises(MediaInUse):
            await library.delete(ALICE, done.media_id)
        if not crash.happened:
            return
    raise AssertionError("there are more steps than were tried")


def moving() -> bytes:
    frames = [Image.new("RGB", (40, 30), (number * 80, 10, 10)) for number in range(3)]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:], duration=50)
    return written.getvalue()


def picture(form: str, *, frames: int = 1) -> bytes:
    shown = [Image.new("RGB", (40, 30), (number * 50, 10, 10)) for number in range(frames)]
    written = io.BytesIO()
    shown[0].save(written, form, save_all=frames > 1, append_images=shown[1:])
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "kind", "slow", "expected"),
    [
        (picture("JPEG"), Kind.JPEG, False, MediaType.IMAGE),
        (picture("PNG"), Kind.PNG, False, MediaType.IMAGE),
        (picture("PNG", frames=2), Kind.PNG, True, MediaType.IMAGE),
        (picture("WEBP"), Kind.WEBP, False, MediaType.IMAGE),
        (picture("WEBP", frames=2), Kind.WEBP, True, MediaType.IMAGE),
        (b"RIFF----WEBP", Kind.WEBP, False, MediaType.IMAGE),
        (picture("AVIF"), Kind.AVIF, False, MediaType.IMAGE),
        (picture("AVIF", frames=2), Kind.AVIF, True, MediaType.IMAGE),
        (bytes(QUICK_BYTES[Kind.JPEG] + 1), Kind.JPEG, True, MediaType.IMAGE),
        (moving(), Kind.GIF, True, MediaType.GIFV),
        (recording("mp4", "libx264"), Kind.MP4, True, MediaType.VIDEO),
        (recording("ipod", "", "aac"), Kind.MP4, True, MediaType.AUDIO),
        (recording("webm", "", "libopus"), Kind.WEBM, True, MediaType.VIDEO),  # Only its content tells.
        (recording("mp3", "", "libmp3lame"), Kind.MP3, True, MediaType.AUDIO),
    ],
)
def test_what_is_slow_is_told_by_how_it_begins(data: bytes, kind: Kind, slow: bool, expected: MediaType) -> None:
    assert (is_slow(data, kind), expected_type(data, kind)) == (slow, expected)
