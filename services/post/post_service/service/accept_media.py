"""Uploads that are processed after the answer: what came is put where nobody reads it, and the work is handed over."""

from __future__ import annotations

from post_service import metrics
from post_service.errors import TooManyUnfinished
from post_service.events import PostEvents
from post_service.models import MAX_UNFINISHED, Media, MediaWork
from post_service.part_upload_models import PREFIX
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from rookery_common.clients.s3 import S3
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

RETRY_SECONDS = 10.0
SOURCE_TYPE = "application/octet-stream"
log = get_logger()


class MediaQueue:
    """Accepts uploads. Those of one account that are unfinished are bounded, give or take what races."""

    def __init__(self, unfinished: UnfinishedMediaRepository, files: S3, events: PostEvents, clock: Clock) -> None:
        self._unfinished = unfinished
        self._files = files
        self._events = events
        self._clock = clock

    async def check_room(self, account_id: int) -> None:
        """Raises TooManyUnfinished."""
        if await self._unfinished.count(account_id, MAX_UNFINISHED) >= MAX_UNFINISHED:
            raise TooManyUnfinished(
                f"at most {MAX_UNFINISHED} files can be processed at a time", retry_after=RETRY_SECONDS
            )

    async def put(self, folder: str, data: bytes) -> None:
        """What came, to be processed. What is left of it in the end is swept after a day, as uploads in parts are."""
        await self._files.put(source_key(folder), data, SOURCE_TYPE)

    async def accept(self, media: Media, folder: str, kind: str, size: int) -> None:
        """What lies there, for good: from now on it is processed. Raises Unavailable."""
        work = MediaWork(
            media.media_id,
            media.account_id,
            source_key(folder),
            size,
            folder,
            kind,
            media.version,
            self._clock.now(),
        )
        await self._unfinished.accept(media, self._events.media_due(work))
        metrics.MEDIA_QUEUED.labels(kind).inc()
        log.info("media.accepted", media_id=media.media_id, account_id=media.account_id, bytes=size, kind=kind)


def source_key(folder: str) -> str:
    """Where an upload lies until it is processed; not public, unlike what lies in the folder."""
    return PREFIX + folder.rpartition("/")[2]
