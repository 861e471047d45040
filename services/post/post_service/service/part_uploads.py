"""Uploads in parts: clients put them straight into the store, at their own pace, and go on after a break."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from post_service.errors import (
    BrokenFile,
    FileTooLarge,
    IdempotencyConflict,
    InvalidField,
    MediaFailed,
    MediaNotFound,
    TooManyPartUploads,
    UnsupportedType,
    UploadIncomplete,
    UploadNotFound,
)
from post_service.models import MAX_PLAYED_BYTES, Media, UploadClaim
from post_service.part_upload_models import (
    MAX_OPEN_UPLOADS,
    OPEN_SECONDS,
    PUT_SECONDS,
    PartUpload,
    PartUploadView,
    WantedPart,
)
from post_service.repository.media import MediaRepository
from post_service.repository.part_uploads import PartUploadRepository
from post_service.service.media import KEY_BYTES, SNIFFED_BYTES, MediaLibrary, UploadHeader, check_header
from post_service.service.media_states import check_finished
from rookery_common.clients.s3 import ObjectNotFound
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

log = get_logger()


class PartUploads:
    """An account's own. What a crash leaves is finished by asking again, or swept after a day."""

    def __init__(
        self,
        uploads: PartUploadRepository,
        media: MediaRepository,
        files: S3Parts,
        library: MediaLibrary,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._uploads = uploads
        self._media = media
        self._files = files
        self._library = library
        self._ids = ids
        self._clock = clock

    async def create(self, account_id: int, header: UploadHeader, size: int) -> PartUploadView:
        """The same request gives the same upload. Raises InvalidField, TooManyPartUploads, IdempotencyConflict."""
        check_header(header)
        if not 0 < size <= MAX_PLAYED_BYTES:
            raise InvalidField("size", "ERR_INVALID", f"must be from 1 to {MAX_PLAYED_BYTES} bytes")
        claim = await self._claim(account_id, header, size)
        begun = await self._uploads.find(account_id, claim.media_id) if header.request_id else None
        if begun is not None:
            return PartUploadView(begun, await self._wanted(begun, await self._missing(begun)))
        upload = self._compose(account_id, header, size, claim)
        if header.request_id and await self._media.get_many([claim.media_id]):
            return PartUploadView(upload, [])  # It is complete already.
        if len(await self._uploads.of(account_id)) >= MAX_OPEN_UPLOADS:
            raise TooManyPartUploads(f"at most {MAX_OPEN_UPLOADS} uploads can be open")
        upload = replace(upload, store_id=await self._files.begin(upload.key))
        await self._uploads.put(upload)
        return PartUploadView(upload, await self._wanted(upload, upload.parts()))

    async def get(self, account_id: int, upload_id: int) -> PartUploadView:
        """Raises UploadNotFound."""
        upload = await self._own(account_id, upload_id)
        return PartUploadView(upload, await self._wanted(upload, await self._missing(upload)))

    async def complete(self, account_id: int, upload_id: int, *, accepts_pending: bool = False) -> Media:
        """The media, also where it was made before; unfinished where that is accepted. Raises UploadNotFound,
        UploadIncomplete, MediaNotReady, and as an upload does."""
        upload = await self._uploads.find(account_id, upload_id)
        if upload is None:
            made = await self._made_before(account_id, upload_id, accepts_pending)
            if made is None:
                raise UploadNotFound("there is no such upload of yours")
            return made
        try:
            media = await self._made_before(account_id, upload_id, accepts_pending)
            media = media or await self._made(upload, accepts_pending)
        except (BrokenFile, FileTooLarge, UnsupportedType, MediaFailed):
            await self._forget(upload)
            raise
        if media.is_unfinished:
            await self._uploads.remove(upload)  # Its file is to be processed, and deleted then.
        else:
            await self._forget(upload)
        log.info("media.put_together", media_id=media.media_id, account_id=account_id, bytes=upload.size)
        return media

    async def _made(self, upload: PartUpload, accepts_pending: bool) -> Media:
        missing = await self._missing(upload)
        if missing:
            numbers = ", ".join(map(str, missing))
            raise UploadIncomplete(f"these parts are missing, or not of their size: {numbers}")
        with suppress(ObjectNotFound):  # It was put together before.
            await self._files.finish(upload.key, upload.store_id)
        header, claim = _header(upload), _claim(upload)
        if accepts_pending:
            beginning = await self._files.get_start(upload.key, SNIFFED_BYTES)
            return await self._library.accept(upload.account_id, header, claim, upload.size, beginning)

        async def fetched() -> bytes:
            return await self._files.get(upload.key, max_bytes=upload.size)

        return await self._library.take(upload.account_id, header, claim, upload.size, fetched)

    async def abort(self, account_id: int, upload_id: int) -> None:
        """Raises UploadNotFound."""
        upload = await self._own(account_id, upload_id)
        with suppress(ObjectNotFound):
            await self._files.abort(upload.key, upload.store_id)
        await self._forget(upload)

    async def _claim(self, account_id: int, header: UploadHeader, size: int) -> UploadClaim:
        """Under which id and in which folder: with a key, those of its first request."""
        said = (header.filename, header.content_type, header.description, header.focus.x, header.focus.y, size)
        digest = hashlib.sha256(b"parts" + repr(said).encode()).digest()
        claim = UploadClaim(digest, self._ids.mint(), f"media/{secrets.token_urlsafe(KEY_BYTES)}")
        if not header.request_id:
            return claim
        held = await self._media.claim(account_id, header.request_id, claim)
        if held.body_hash != digest:
            raise IdempotencyConflict("this Idempotency-Key was used with another file or description")
        return held

    def _compose(self, account_id: int, header: UploadHeader, size: int, claim: UploadClaim) -> PartUpload:
        return PartUpload(
            upload_id=claim.media_id,
            account_id=account_id,
            store_id="",
            folder=claim.folder,
            size=size,
            expires_at=self._clock.now().replace(microsecond=0) + timedelta(seconds=OPEN_SECONDS),
            filename=header.filename,
            content_type=header.content_type,
            description=header.description,
            focus=header.focus,
        )

    async def _made_before(self, account_id: int, upload_id: int, accepts_pending: bool) -> Media | None:
        """Also where a crash came before the upload was forgotten."""
        try:
            made = await self._library.get(account_id, upload_id)
        except MediaNotFound:
            return None
        if not accepts_pending:
            check_finished([made])
        return made

    async def _forget(self, upload: PartUpload) -> None:
        """The file first: what is left without a row is swept."""
        await self._files.delete(upload.key)
        await self._uploads.remove(upload)

    async def _own(self, account_id: int, upload_id: int) -> PartUpload:
        upload = await self._uploads.find(account_id, upload_id)
        if upload is None:
            raise UploadNotFound("there is no such upload of yours")
        return upload

    async def _missing(self, upload: PartUpload) -> dict[int, int]:
        """Parts that the store does not have, or of another size; none where it has put them together already."""
        try:
            stored = await self._files.parts(upload.key, upload.store_id)
        except ObjectNotFound:
            return {}
        return {number: size for number, size in upload.parts().items() if stored.get(number) != size}

    async def _wanted(self, upload: PartUpload, parts: dict[int, int]) -> list[WantedPart]:
        return [
            WantedPart(
                number, size, await self._files.presigned(upload.key, upload.store_id, number, size, PUT_SECONDS)
            )
            for number, size in parts.items()
        ]


def _claim(upload: PartUpload) -> UploadClaim:
    return UploadClaim(b"", upload.upload_id, upload.folder)


def _header(upload: PartUpload) -> UploadHeader:
    return UploadHeader(upload.filename, upload.content_type, upload.description, upload.focus)
