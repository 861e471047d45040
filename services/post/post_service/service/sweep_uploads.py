"""Deletes the files of uploads that no post has taken, and of cards' pictures that none shows any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from post_service import metrics
from post_service.models import UploadNote
from post_service.part_upload_models import LEFT_AFTER, PREFIX
from post_service.repository.cards import CardRepository
from post_service.repository.media import UPLOAD_SHARDS, MediaRepository
from rookery_common.clients.s3 import ObjectNotFound
from rookery_common.clients.s3_parts import MAX_LISTED, S3Parts
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

INTERVAL_SECONDS = 3600.0
OLDEST_DAYS = 30
YOUNGEST_DAYS = 2
"""An upload waits a day for its post; after the second day it is attached or gone."""
PAGE = 100
LISTED_PAGES = 50
"""Of a thousand objects: so many does one run look at; the next goes on behind them."""

log = get_logger()


class UploadSweeper:
    """Component: goes through the notes of old uploads every hour. Several at once do no harm, only double work."""

    def __init__(
        self,
        media: MediaRepository,
        cards: CardRepository,
        files: S3Parts,
        clock: Clock,
        interval: float = INTERVAL_SECONDS,
        listed: tuple[int, int] = (LISTED_PAGES, MAX_LISTED),
    ) -> None:
        self._media = media
        self._cards = cards
        self._files = files
        self._clock = clock
        self._interval = interval
        self._pages, self._page_size = listed
        # The keys that were looked at last; none where the next run begins anew.
        self._begun_after = self._stored_after = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="upload-sweeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self) -> int:
        """Settles every note of the last month but for the last two days; returns how many uploads it deleted."""
        today, deleted = self._clock.now().date(), 0
        for age in range(YOUNGEST_DAYS, OLDEST_DAYS + 1):
            for shard in range(UPLOAD_SHARDS):
                after = 0
                while notes := await self._media.noted_uploads(today - timedelta(age), shard, after, PAGE):
                    deleted += await self._settle(notes)
                    after = notes[-1].media_id
        return deleted

    async def sweep_parts(self) -> int:
        """Ends uploads in parts that nobody finished in time, and deletes what a crash left of others; how many.

        Of each it looks at so many at most, and goes on there the next time.
        """
        before = self._clock.now() - LEFT_AFTER
        return await self._end_begun(before) + await self._delete_stored(before)

    async def _run(self) -> None:
        while True:
            try:
                deleted, parts = await self.sweep(), await self.sweep_parts()
                log.info("post.uploads_swept", uploads=deleted, in_parts=parts)
            except (AppError, TimeoutError) as error:
                # What is left is still noted: the next sweep finds it.
                log.warning("post.sweep_failed", reason=getattr(error, "reason", "TIMEOUT"))
            await self._clock.sleep(self._interval)

    async def _end_begun(self, before: datetime) -> int:
        ended = 0
        for _ in range(self._pages):
            page = await self._files.begun(PREFIX, self._begun_after, self._page_size)
            for begun in page:
                if begun.begun_at < before:
                    with suppress(ObjectNotFound):  # Another process was faster.
                        await self._files.abort(begun.key, begun.store_id)
                    ended += 1
            self._begun_after = page[-1].key if page else ""
            if not page:
                break
        return ended

    async def _delete_stored(self, before: datetime) -> int:
        deleted = 0
        for _ in range(self._pages):
            page = await self._files.stored(PREFIX, self._stored_after, self._page_size)
            for stored in page:
                if stored.stored_at < before:
                    await self._files.delete(stored.key)
                    deleted += 1
            self._stored_after = page[-1].key if page else ""
            if not page:
                break
        return deleted

    async def _settle(self, notes: list[UploadNote]) -> int:
        """The note goes last, so that what fails half-way is met again."""
        noted = [note.media_id for note in notes]
        kept = set(await self._media.get_many(noted))
        kept |= await self._cards.shown([media_id for media_id in noted if media_id not in kept])
        for note in notes:
            if note.media_id not in kept:
                await self._files.delete(note.original_key)
                if note.small_key:  # Audio has none.
                    await self._files.delete(note.small_key)
                metrics.UPLOADS_EXPIRED.inc()
            await self._media.forget_upload(note)
        return len(notes) - len(kept)
