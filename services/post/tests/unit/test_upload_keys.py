"""Uploads with an Idempotency-Key: the same request makes one picture, however often it comes, whatever broke."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from PIL import Image

from post_service.errors import BrokenFile, IdempotencyConflict, InvalidField
from post_service.models import Focus, Media
from post_service.repository.media import MediaRepository
from post_service.service.media import MediaLibrary, UploadHeader
from rookery_common.errors import Unavailable

HEADER = UploadHeader("rook.jpg", "image/jpeg", "A rook", Focus(0.5, 0), request_id="k1")
Files = dict[str, tuple[bytes, str, str]]


def jpeg(width: int = 80, height: int = 60) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (10, 120, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


async def upload(library: MediaLibrary, header: UploadHeader = HEADER, data: bytes = b"", owner: int = 101) -> Media:
    async def chunks() -> AsyncIterator[bytes]:
        yield data or jpeg()

    return await library.upload(owner, header, chunks())


async def test_same_key_and_file_make_one_picture(library: MediaLibrary, files: Files) -> None:
    first = await upload(library)
    assert await upload(library) == first
    assert set(files) == {first.original_key, first.small_key}


async def test_same_key_at_the_same_time_makes_one_picture(library: MediaLibrary, files: Files) -> None:
    made = await asyncio.gather(*(upload(library) for _ in range(4)))
    assert len({media.media_id for media in made}) == 1
    assert set(files) == {made[0].original_key, made[0].small_key}


async def test_what_was_posted_meanwhile_is_answered_as_it_is(library: MediaLibrary, media: MediaRepository) -> None:
    posted = replace(await upload(library), post_id=7)
    await media.put(posted)
    assert await upload(library) == posted


async def test_without_a_key_and_by_another_account_it_is_another_picture(library: MediaLibrary) -> None:
    made = [await upload(library), await upload(library, owner=102)]
    made += [await upload(library, replace(HEADER, request_id="")) for _ in range(2)]
    made.append(await upload(library, replace(HEADER, request_id="k2")))
    assert len({each.media_id for each in made}) == 5


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (replace(HEADER, description="A crow"), b""),
        (replace(HEADER, focus=Focus(0, 0)), b""),
        (HEADER, jpeg(64, 64)),
    ],
)
async def test_same_key_with_something_else_is_a_conflict(
    library: MediaLibrary, header: UploadHeader, data: bytes
) -> None:
    await upload(library)
    with pytest.raises(IdempotencyConflict):
        await upload(library, header, data)


async def test_after_a_break_the_same_request_makes_what_the_first_began(
    library: MediaLibrary, media: MediaRepository, away: set[str], files: Files
) -> None:
    away.add("s3")
    with pytest.raises(Unavailable):
        await upload(library)
    away.clear()
    claim = await media.find_claim(101, "k1")
    made = await upload(library)
    assert claim is not None
    assert (made.media_id, made.original_key) == (claim.media_id, f"{claim.folder}/original.jpg")
    assert set(files) == {made.original_key, made.small_key}


async def test_a_file_that_is_refused_takes_no_key(library: MediaLibrary, media: MediaRepository) -> None:
    with pytest.raises(BrokenFile):
        await upload(library, data=jpeg()[:200])
    assert await media.find_claim(101, "k1") is None


@pytest.mark.parametrize("key", ["k" * 201, "k\x00"])
async def test_a_bad_key_is_named(library: MediaLibrary, key: str) -> None:
    with pytest.raises(InvalidField) as caught:
        await upload(library, replace(HEADER, request_id=key))
    assert caught.value.fields[0].field == "request_id"
