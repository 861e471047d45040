"""What is made of an upload: under which keys it lies, and how it gets there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import starmap

from post_service.models import Media, MediaType, ProcessedMedia, UploadNote
from post_service.repository.media import MediaRepository
from rookery_common.clients.s3 import S3
from rookery_common.clock import Clock

CACHE_CONTROL = "public, max-age=31536000, immutable"


class MediaFiles:
    """Puts files where anyone may fetch them."""

    def __init__(self, media: MediaRepository, files: S3, clock: Clock) -> None:
        self._media = media
        self._files = files
        self._clock = clock

    async def put(self, media: Media, file: ProcessedMedia) -> None:
        """Noted first, so that whatever happens next a sweep finds them. Raises Unavailable."""
        await self._media.note_upload(
            UploadNote(self._clock.now().date(), media.media_id, media.original_key, media.small_key)
        )
        objects = [(media.original_key, file.original, file.content_type, CACHE_CONTROL)]
        if media.small_key:
            objects.append((media.small_key, file.small, file.small_content_type, CACHE_CONTROL))
        # Begun in one step: nothing comes between the first and the last, so that none is made and left.
        await asyncio.gather(*starmap(self._files.put, objects))


def with_file(media: Media, file: ProcessedMedia, folder: str) -> Media:
    """The media with what was made of its file, in the folder."""
    return replace(
        media,
        type=file.playback.type if file.playback else MediaType.IMAGE,
        original_key=f"{folder}/original.{file.extension}",
        small_key=f"{folder}/small.{file.small_extension}" if file.small else "",
        original=file.original_size,
        small=file.small_size,
        blurhash=file.blurhash,
        playback=file.playback,
    )
