"""Makes what was accepted into media; done again after a crash, it makes the same under the same keys."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from post_service import metrics
from post_service.errors import BrokenFile, FileTooLarge, MediaNotThereYet, UnsupportedType
from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers
from post_service.models import Media, MediaWork
from post_service.repository.media import MediaRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.service.media_files import MediaFiles, with_file
from rookery_common.clients.s3 import S3, ObjectNotFound
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

GONE: Final = "is not there any more: it must be uploaded again"
ROW_PATIENCE: Final = timedelta(seconds=30)
"""For so long what was written in the event's own batch may still be on its way."""
log = get_logger()


class MediaProcessing:
    """Processes a few at a time: each is held in memory, as it came and as it is made."""

    def __init__(
        self,
        media: MediaRepository,
        unfinished: UnfinishedMediaRepository,
        files: S3,
        made: MediaFiles,
        workers: ImageWorkers,
        clock: Clock,
        at_once: int,
    ) -> None:
        self._media = media
        self._unfinished = unfinished
        self._files = files
        self._made = made
        self._workers = workers
        self._clock = clock
        self._slots = asyncio.Semaphore(at_once)

    async def process(self, work: MediaWork) -> None:
        """Afterwards the media is done or has failed, and the upload as it came is deleted. Raises Unavailable."""
        async with self._slots:
            media = (await self._media.get_many([work.media_id])).get(work.media_id)
            if media is None:
                await self._check_gone(work)
            if media is None or not media.is_unfinished or media.failure:
                await self._unfinished.forget(work)
            else:
                await self._settle(media, work)
            await self._files.delete(work.source_key)

    async def _check_gone(self, work: MediaWork) -> None:
        """Raises MediaNotThereYet unless the media was deleted or has expired."""
        is_young = self._clock.now() - work.accepted_at < ROW_PATIENCE
        if is_young and not await self._unfinished.has(work):
            raise MediaNotThereYet("the upload is not there yet")

    async def _settle(self, media: Media, work: MediaWork) -> None:
        try:
            data = await self._files.get(work.source_key, max_bytes=work.size)
            file = await self._workers.process(data, Kind(work.kind))
        except ObjectNotFound:
            await self._fail(work, "SOURCE_GONE", GONE)
        except (BrokenFile, FileTooLarge, UnsupportedType) as error:
            await self._fail(work, error.reason, error.fields[0].description)
        else:
            done = with_file(media, file, work.folder)
            await self._made.put(done, file)
            await self._unfinished.finish(done, work)
            log.info("media.processed", media_id=work.media_id, account_id=work.account_id, kind=work.kind)
        taken = self._clock.now() - work.accepted_at
        metrics.MEDIA_SECONDS.labels(work.kind).observe(max(0.0, taken.total_seconds()))

    async def _fail(self, work: MediaWork, reason: str, failure: str) -> None:
        await self._unfinished.fail(work, failure)
        metrics.MEDIA_FAILED.labels(reason).inc()
        log.info("media.failed", media_id=work.media_id, account_id=work.account_id, kind=work.kind, reason=reason)
