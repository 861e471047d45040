"""Uploads in parts over a real store: put straight into it, gone on with, put together once, and swept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import pytest_asyncio
from post_fakes.recordings import recording

from post_service.consumers import MediaHandler
from post_service.errors import (
    BrokenFile,
    IdempotencyConflict,
    InvalidField,
    MediaNotReady,
    TooManyPartUploads,
    UnsupportedType,
    UploadIncomplete,
    UploadNotFound,
)
from post_service.models import MAX_PLAYED_BYTES, Focus, MediaType
from post_service.part_upload_models import LEFT_AFTER, MAX_OPEN_UPLOADS, PART_BYTES, PREFIX, PartUploadView, WantedPart
from post_service.repository.cards import CardRepository
from post_service.repository.media import MediaRepository
from post_service.repository.part_uploads import PartUploadRepository
from post_service.service.media import MediaLibrary, UploadHeader
from post_service.service.part_uploads import PartUploads
from post_service.service.process_media import MediaProcessing
from post_service.service.sweep_uploads import UploadSweeper
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.clock import SystemClock
from rookery_common.config import S3Settings
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock, FakeIds

ALICE, BOB = 101, 102


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A WAV of some two parts and a half."""
    data = recording("wav", "", "pcm_s16le", seconds=70)
    assert 2 * PART_BYTES < len(data) < 3 * PART_BYTES
    return data


@pytest_asyncio.fixture
async def files(s3_settings: S3Settings) -> AsyncIterator[S3Parts]:
    store = S3Parts(s3_settings, clients_endpoint=s3_settings.s3_endpoint)
    await store.start()
    for begun in await store.begun(PREFIX):
        await store.abort(begun.key, begun.store_id)
    yield store
    await store.stop()


@pytest.fixture
def part_uploads(
    cql: Cql, files: S3Parts, media: MediaRepository, library: MediaLibrary, ids: FakeIds, clock: FakeClock
) -> PartUploads:
    return PartUploads(PartUploadRepository(cql), media, files, library, ids, clock)


async def put(part: WantedPart, data: bytes) -> int:
    """As a client puts it: without a token, at the address alone."""

    def send() -> int:
        try:
            with urlopen(Request(part.url, data, method="PUT"), timeout=10) as answer:  # noqa: S310 - an address of ours
                return int(answer.status)
        except HTTPError as error:
            return error.code

    return await asyncio.to_thread(send)


async def put_all(view: PartUploadView, data: bytes) -> None:
    for part in view.missing:
        start = (part.number - 1) * PART_BYTES
        assert await put(part, data[start : start + part.size]) == 200


async def test_an_upload_is_gone_on_with_after_a_break_and_put_together_once(
    part_uploads: PartUploads, files: S3Parts, sound: bytes
) -> None:
    header = UploadHeader("a.wav", "audio/wav", "A rook calls", Focus(0.5, -0.5))
    begun = await part_uploads.create(ALICE, header, len(sound))
    assert [(part.number, part.size) for part in begun.missing] == [
        (1, PART_BYTES),
        (2, PART_BYTES),
        (3, len(sound) - 2 * PART_BYTES),
    ]
    assert await put(begun.missing[1], sound[PART_BYTES : 2 * PART_BYTES]) == 200
    upload_id = begun.upload.upload_id
    with pytest.raises(UploadIncomplete, match="1, 3"):
        await part_uploads.complete(ALICE, upload_id)
    later = await part_uploads.get(ALICE, upload_id)
    assert [part.number for part in later.missing] == [1, 3]
    await put_all(later, sound)
    assert (await part_uploads.get(ALICE, upload_id)).missing == []
    made = await part_uploads.complete(ALICE, upload_id)
    assert (made.media_id, made.type, made.description, made.focus) == (
        upload_id,
        MediaType.AUDIO,
        "A rook calls",
        Focus(0.5, -0.5),
    )
    assert await files.size(made.original_key) == pytest.approx(len(sound), rel=0.01)
    assert await part_uploads.complete(ALICE, upload_id) == made
    assert (await files.begun(PREFIX), [each.key for each in await files.stored(begun.upload.key)]) == ([], [])


async def test_what_is_put_together_may_be_processed_later(
    part_uploads: PartUploads,
    library: MediaLibrary,
    files: S3Parts,
    processing: MediaProcessing,
    told: Callable[[], Awaitable[list[Event]]],
) -> None:
    data = recording("ogg", "", "libopus")
    begun = await part_uploads.create(ALICE, UploadHeader("a.ogg"), len(data))
    await put_all(begun, data)
    upload_id = begun.upload.upload_id
    for _ in range(2):  # Asked for again it is the same, while it is processed and afterwards.
        accepted = await part_uploads.complete(ALICE, upload_id, accepts_pending=True)
        assert (accepted.media_id, accepted.is_unfinished) == (upload_id, True)
        with pytest.raises(MediaNotReady):
            await part_uploads.complete(ALICE, upload_id)
    [event] = await told()
    await MediaHandler(processing)(event)
    done = await part_uploads.complete(ALICE, upload_id)
    assert (done, done.type) == (await library.get(ALICE, upload_id), MediaType.AUDIO)
    assert [each.key for each in await files.stored(begun.upload.key)] == []


async def test_what_is_put_together_and_wrong_is_refused_at_once(part_uploads: PartUploads, files: S3Parts) -> None:
    begun = await part_uploads.create(ALICE, UploadHeader(), 1_000)
    await put_all(begun, b"<html>".ljust(1_000))
    with pytest.raises(UnsupportedType):
        await part_uploads.complete(ALICE, begun.upload.upload_id, accepts_pending=True)
    with pytest.raises(UploadNotFound):
        await part_uploads.complete(ALICE, begun.upload.upload_id, accepts_pending=True)
    assert [each.key for each in await files.stored(begun.upload.key)] == []


async def test_a_part_of_another_size_is_refused_by_the_store_itself(part_uploads: PartUploads) -> None:
    begun = await part_uploads.create(ALICE, UploadHeader(), 1_000)
    [part] = begun.missing
    assert await put(part, bytes(1_001)) == 403
    assert await put(part, bytes(999)) == 403
    assert len((await part_uploads.get(ALICE, begun.upload.upload_id)).missing) == 1


async def test_what_is_put_together_may_be_asked_for_again_after_a_crash(
    part_uploads: PartUploads, files: S3Parts
) -> None:
    data = recording("ogg", "", "libopus")
    begun = await part_uploads.create(ALICE, UploadHeader(), len(data))
    await put_all(begun, data)
    await files.finish(begun.upload.key, begun.upload.store_id)  # And no further.
    assert (await part_uploads.complete(ALICE, begun.upload.upload_id)).type is MediaType.AUDIO


async def test_the_same_request_begins_one_upload_also_when_it_is_complete(part_uploads: PartUploads) -> None:
    data, header = recording("ogg", "", "libopus"), UploadHeader("a.ogg", request_id="k")
    begun = await part_uploads.create(ALICE, header, len(data))
    again = await part_uploads.create(ALICE, header, len(data))
    assert (again.upload, len(again.missing)) == (begun.upload, 1)
    with pytest.raises(IdempotencyConflict):
        await part_uploads.create(ALICE, header, len(data) + 1)
    await put_all(again, data)
    made = await part_uploads.complete(ALICE, begun.upload.upload_id)
    late = await part_uploads.create(ALICE, header, len(data))
    assert (late.upload.upload_id, late.missing) == (made.media_id, [])
    assert await part_uploads.complete(ALICE, late.upload.upload_id) == made


@pytest.mark.parametrize(("data", "refusal"), [(b"OggS" + bytes(100), BrokenFile), (b"<html>", UnsupportedType)])
async def test_what_is_no_file_that_is_accepted_is_refused_and_gone(
    part_uploads: PartUploads, files: S3Parts, data: bytes, refusal: type[InvalidField]
) -> None:
    begun = await part_uploads.create(ALICE, UploadHeader(), len(data))
    await put_all(begun, data)
    with pytest.raises(refusal):
        await part_uploads.complete(ALICE, begun.upload.upload_id)
    with pytest.raises(UploadNotFound):
        await part_uploads.complete(ALICE, begun.upload.upload_id)
    assert await files.stored(begun.upload.key) == []


async def test_uploads_are_their_owners_alone_and_few(part_uploads: PartUploads) -> None:
    made = [await part_uploads.create(ALICE, UploadHeader(), 10) for _ in range(MAX_OPEN_UPLOADS)]
    with pytest.raises(TooManyPartUploads):
        await part_uploads.create(ALICE, UploadHeader(), 10)
    first = made[0].upload.upload_id
    for act in (part_uploads.get, part_uploads.complete, part_uploads.abort):
        with pytest.raises(UploadNotFound):
            await act(BOB, first)
    await part_uploads.abort(ALICE, first)
    with pytest.raises(UploadNotFound):
        await part_uploads.get(ALICE, first)
    assert await put(made[0].missing[0], bytes(10)) == 404
    await part_uploads.create(ALICE, UploadHeader(), 10)


@pytest.mark.parametrize(
    ("header", "size", "field"),
    [
        (UploadHeader(), 0, "size"),
        (UploadHeader(), MAX_PLAYED_BYTES + 1, "size"),
        (UploadHeader(description="x" * 1501), 10, "description"),
        (UploadHeader(focus=Focus(2, 0)), 10, "focus"),
    ],
)
async def test_a_bad_upload_is_refused_before_it_begins(
    part_uploads: PartUploads, files: S3Parts, header: UploadHeader, size: int, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await part_uploads.create(ALICE, header, size)
    assert (caught.value.fields[0].field, await files.begun(PREFIX)) == (field, [])


async def test_what_nobody_finishes_is_swept(
    part_uploads: PartUploads, files: S3Parts, media: MediaRepository, cql: Cql
) -> None:
    await part_uploads.create(ALICE, UploadHeader(), 10)
    await files.put(PREFIX + "left", b"x", "application/octet-stream")
    now = SystemClock().now()
    for age, left in ((timedelta(hours=24), 2), (timedelta(hours=26), 0)):
        sweeper = UploadSweeper(media, CardRepository(cql), files, FakeClock(now + age))
        assert await sweeper.sweep_parts() == 2 - left
        assert len(await files.begun(PREFIX)) + len(await files.stored(PREFIX)) == left


async def test_many_young_uploads_keep_no_old_one_from_being_swept(
    files: S3Parts, media: MediaRepository, cql: Cql
) -> None:
    async def leave(*names: str) -> None:
        for name in names:
            await files.begin(PREFIX + name)
            await files.put(PREFIX + name, b"x", "application/octet-stream")

    await leave("d", "e", "i", "j")
    await asyncio.sleep(2.0)  # The store's times are in seconds.
    cutoff = SystemClock().now()
    await asyncio.sleep(2.0)
    young = ["a", "b", "c", "f", "g", "h"]
    await leave(*young)
    clock = FakeClock(cutoff + LEFT_AFTER)
    sweeper = UploadSweeper(media, CardRepository(cql), files, clock, listed=(2, 2))
    # Four keys a run, in their order: a to d, e to h, then i and j, and behind them nothing.
    assert [await sweeper.sweep_parts() for _ in range(4)] == [2, 2, 4, 0]
    for listed in (await files.begun(PREFIX), await files.stored(PREFIX)):
        assert [each.key for each in listed] == [PREFIX + name for name in young]
    await leave("0")  # Another round begins at the first key.
    clock.advance(3600)
    assert sum([await sweeper.sweep_parts() for _ in range(3)]) == 2 * (len(young) + 1)
    assert (await files.begun(PREFIX), await files.stored(PREFIX)) == ([], [])
