from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator, Callable
from datetime import date

import pytest
from PIL import Image
from post_fakes.recordings import recording

from post_service.consumers import MediaHandler
from post_service.errors import (
    BrokenFile,
    FileTooLarge,
    InvalidField,
    MediaInUse,
    MediaNotFound,
    TooManyUploads,
    UnsupportedType,
)
from post_service.models import (
    MAX_PLAYED_BYTES,
    MAX_UPLOAD_BYTES,
    Dimensions,
    Focus,
    Media,
    MediaType,
    Purpose,
    UploadNote,
)
from post_service.repository.media import MediaRepository
from post_service.service import media as media_module
from post_service.service.media import MediaLibrary, UploadHeader
from post_service.service.process_media import MediaProcessing
from post_service.service.sweep_uploads import UploadSweeper
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 600), (10, 120, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_an_upload_is_stored_under_a_name_that_nobody_can_guess(
    library: MediaLibrary, media: MediaRepository, files: dict[str, tuple[bytes, str, str]]
) -> None:
    header = UploadHeader("rook.jpg", "image/jpeg", "A rook", Focus(0.1, -1))
    stored = await library.upload(101, header, chunks(jpeg()))
    assert (stored.description, stored.focus, stored.original) == ("A rook", Focus(0.1, -1), Dimensions(800, 600))
    assert (await media.get_many([stored.media_id]))[stored.media_id] == stored
    assert set(files) == {stored.original_key, stored.small_key}
    folder, _, name = stored.original_key.rpartition("/")
    assert (folder[:6], len(folder), name) == ("media/", 30, "original.jpg")
    assert stored.small_key == f"{folder}/small.jpg"
    for data, content_type, cache_control in files.values():
        assert Image.open(io.BytesIO(data)).format == "JPEG"
        assert (content_type, cache_control) == ("image/jpeg", "public, max-age=31536000, immutable")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", BrokenFile),
        (b"<html>", UnsupportedType),
        (jpeg()[:300], BrokenFile),
        (bytes(MAX_UPLOAD_BYTES + 1), FileTooLarge),
        (b"OggS" + bytes(MAX_UPLOAD_BYTES), BrokenFile),
        (b"OggS" + bytes(MAX_PLAYED_BYTES), FileTooLarge),
    ],
)
async def test_a_bad_file_is_refused_with_the_reason_and_leaves_nothing(
    library: MediaLibrary, files: dict[str, tuple[bytes, str, str]], data: bytes, kind: type[InvalidField]
) -> None:
    with pytest.raises(kind) as caught:
        await library.upload(101, UploadHeader(), chunks(data, 200_000))
    assert caught.value.fields[0].field == "file"
    assert files == {}


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (UploadHeader(description="x" * 1501), "description"),
        (UploadHeader(description="a\x00b"), "description"),
        (UploadHeader(focus=Focus(1.1, 0)), "focus"),
        (UploadHeader(focus=Focus(0, -2)), "focus"),
        (UploadHeader(focus=Focus(math.nan, 0)), "focus"),
    ],
)
async def test_a_bad_header_is_refused_before_the_file_is_read(
    library: MediaLibrary, header: UploadHeader, field: str
) -> None:
    read = []

    async def noted() -> AsyncIterator[bytes]:
        read.append(True)
        yield jpeg()

    with pytest.raises(InvalidField) as caught:
        await library.upload(101, header, noted())
    assert not read
    assert caught.value.fields[0].field == field


async def test_what_a_process_holds_of_uploads_is_bounded(
    library: MediaLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_module, "MAX_HELD_BYTES", 10_000)
    going_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(8_000)
        await going_on.wait()

    first = asyncio.create_task(library.upload(101, UploadHeader(), slow()))
    await asyncio.sleep(0)
    with pytest.raises(TooManyUploads):
        await library.upload(102, UploadHeader(), chunks(bytes(5_000)))
    going_on.set()
    with pytest.raises(UnsupportedType):
        await first
    assert (await library.upload(102, UploadHeader(), chunks(jpeg()))).account_id == 102


async def test_files_are_noted_before_they_are_put(
    library: MediaLibrary, away: set[str], uploads: dict[object, UploadNote]
) -> None:
    away.add("s3")
    with pytest.raises(Unavailable):
        await library.upload(101, UploadHeader(), chunks(jpeg()))
    assert len(uploads) == 1


async def test_one_sees_and_changes_ones_own_media_only(
    library: MediaLibrary, media: MediaRepository, make_media: Callable[..., Media]
) -> None:
    own = make_media()
    await media.put(own)
    assert await library.get(101, own.media_id) == own
    for account_id, media_id in ((102, own.media_id), (101, 12345)):
        with pytest.raises(MediaNotFound):
            await library.get(account_id, media_id)
        with pytest.raises(MediaNotFound):
            await library.update(account_id, media_id, "mine now", None, None)


async def test_what_is_given_changes_and_the_rest_stays(
    library: MediaLibrary, media: MediaRepository, make_media: Callable[..., Media]
) -> None:
    upload = make_media(description="before", focus=Focus(0.5, 0.5))
    await media.put(upload)
    changed = await library.update(101, upload.media_id, None, -1.0, None)
    assert (changed.description, changed.focus) == ("before", Focus(-1, 0.5))
    changed = await library.update(101, upload.media_id, "", None, None)
    assert (changed.description, changed.focus) == ("", Focus(-1, 0.5))
    assert await library.get(101, upload.media_id) == changed
    assert changed.version > upload.version


async def test_media_of_a_post_can_not_be_changed(
    library: MediaLibrary, media: MediaRepository, make_media: Callable[..., Media]
) -> None:
    attached = make_media(post_id=7)
    await media.put(attached)
    with pytest.raises(MediaNotFound):
        await library.update(101, attached.media_id, "late", None, None)


@pytest.mark.parametrize(
    ("description", "x", "field"),
    [("x" * 1501, None, "description"), ("\x00", None, "description"), (None, 3.0, "focus")],
)
async def test_a_bad_change_is_refused(
    library: MediaLibrary,
    media: MediaRepository,
    make_media: Callable[..., Media],
    description: str | None,
    x: float | None,
    field: str,
) -> None:
    upload = make_media()
    await media.put(upload)
    with pytest.raises(InvalidField) as caught:
        await library.update(101, upload.media_id, description, x, None)
    assert caught.value.fields[0].field == field


async def test_an_upload_is_deleted_unless_a_post_has_it(
    library: MediaLibrary,
    media: MediaRepository,
    make_media: Callable[..., Media],
    uploads: dict[tuple[date, int], UploadNote],
) -> None:
    stored = await library.upload(101, UploadHeader("rook.jpg", "image/jpeg"), chunks(jpeg()))
    with pytest.raises(MediaNotFound):
        await library.delete(102, stored.media_id)
    await library.delete(101, stored.media_id)
    with pytest.raises(MediaNotFound):
        await library.delete(101, stored.media_id)
    assert [note.media_id for note in uploads.values()] == [stored.media_id]  # By which the files are swept.
    attached = make_media(post_id=7)
    await media.put(attached)
    with pytest.raises(MediaInUse):
        await library.delete(101, attached.media_id)


@pytest.mark.parametrize(
    ("data", "kind", "names"),
    [
        (recording("mp4", "libx264", "aac"), MediaType.VIDEO, ["original.mp4", "small.jpg"]),
        (recording("mp3", "", "libmp3lame"), MediaType.AUDIO, ["original.mp3"]),
    ],
)
async def test_what_plays_is_stored_with_how_it_is_made(
    library: MediaLibrary,
    files: dict[str, tuple[bytes, str, str]],
    sweeper: UploadSweeper,
    clock: FakeClock,
    data: bytes,
    kind: MediaType,
    names: list[str],
) -> None:
    stored = await library.upload(101, UploadHeader(), chunks(data))
    assert (stored.type, stored.playback is not None) == (kind, True)
    assert sorted(key.rpartition("/")[2] for key in files) == names
    assert bool(stored.small_key) is (kind is MediaType.VIDEO)
    await library.delete(101, stored.media_id)
    clock.advance(2 * 86_400)
    assert (await sweeper.sweep(), files) == (1, {})


async def test_a_profile_shows_no_video(library: MediaLibrary) -> None:
    film = recording("mp4", "libx264")
    with pytest.raises(UnsupportedType, match="picture"):
        await library.upload(101, UploadHeader(purpose=Purpose.AVATAR), chunks(film))


async def test_while_the_store_is_away_what_was_accepted_waits(
    library: MediaLibrary,
    processing: MediaProcessing,
    away: set[str],
    published: list[Event],
    files: dict[str, tuple[bytes, str, str]],
) -> None:
    film, handler = recording("mp4", "libx264"), MediaHandler(processing)
    away.add("s3")
    with pytest.raises(Unavailable):
        await library.upload(101, UploadHeader(accepts_pending=True), chunks(film))
    assert published == []
    away.clear()
    accepted = await library.upload(101, UploadHeader(accepts_pending=True), chunks(film))
    [event] = published
    for engine in ("s3", "cql"):
        away.add(engine)
        with pytest.raises(Unavailable):
            await handler(event)
        away.clear()
        assert (await library.get(101, accepted.media_id)).is_unfinished
    await handler(event)
    done = await library.get(101, accepted.media_id)
    assert set(files) == {done.original_key, done.small_key}
