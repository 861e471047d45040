"""Files of posts: uploaded and processed first, described, then attached by the post."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from post_service import metrics
from post_service.errors import (
    BrokenFile,
    FileTooLarge,
    IdempotencyConflict,
    InvalidField,
    MediaInUse,
    MediaNotFound,
    TooManyUploads,
    UnsupportedType,
)
from post_service.imaging.formats import PLAYED, Kind, check_kind, sniff
from post_service.imaging.pool import ImageWorkers
from post_service.imaging.slowness import expected_type, is_slow
from post_service.models import (
    CENTRE,
    MAX_DESCRIPTION_CHARS,
    MAX_PLAYED_BYTES,
    MAX_REQUEST_ID_CHARS,
    MAX_UPLOAD_BYTES,
    OF_PROFILE,
    UNFINISHED,
    Dimensions,
    Focus,
    Media,
    MediaType,
    Playback,
    ProcessedMedia,
    Purpose,
    UploadClaim,
)
from post_service.repository.media import MediaRepository
from post_service.service.accept_media import MediaQueue
from post_service.service.media_files import MediaFiles, with_file
from post_service.service.media_states import check_sound
from post_service.service.text import check_text
from post_service.versions import HybridClock
from rookery_common.errors import AppError
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

MAX_HELD_BYTES = 16 * MAX_UPLOAD_BYTES
KEY_BYTES = 18
SNIFFED_BYTES = 64
NO_SIZE = Dimensions(0, 0)
log = get_logger()


@dataclass(frozen=True, slots=True)
class UploadHeader:
    """What a client says of its file; only the content is believed."""

    filename: str = ""
    content_type: str = ""
    description: str = ""
    focus: Focus = CENTRE
    purpose: Purpose = Purpose.POST
    request_id: str = ""
    accepts_pending: bool = False


class MediaLibrary:
    """An account's own media."""

    def __init__(
        self,
        media: MediaRepository,
        files: MediaFiles,
        workers: ImageWorkers,
        queue: MediaQueue,
        ids: IdSource,
        versions: HybridClock,
    ) -> None:
        self._media = media
        self._files = files
        self._workers = workers
        self._queue = queue
        self._ids = ids
        self._versions = versions
        self._held = 0

    async def upload(self, account_id: int, header: UploadHeader, chunks: AsyncIterator[bytes]) -> Media:
        """The new media, or what the same request made before; unfinished where the header accepts that and it takes
        long. Raises InvalidField for description and focus; FileTooLarge, UnsupportedType, BrokenFile, MediaFailed for
        the file; IdempotencyConflict; TooManyUploads while this process holds too many, TooManyUnfinished while the
        account does."""
        check_header(header)
        data = bytearray()
        try:
            with _counted():
                async for chunk in chunks:
                    self._hold(len(chunk))
                    data += chunk
                    _check_size(data)
                media = await self._make(account_id, header, bytes(data))
        finally:
            self._held -= len(data)
        log.info("media.uploaded", media_id=media.media_id, account_id=account_id, bytes=len(data))
        return media

    async def take(
        self,
        account_id: int,
        header: UploadHeader,
        claim: UploadClaim,
        size: int,
        fetch: Callable[[], Awaitable[bytes]],
    ) -> Media:
        """As `upload`, of so many bytes that are fetched when there is room for them; under the claimed id, so that
        repeating it makes the same."""
        made = await self._find(claim)
        if made is not None:
            return made
        self._hold(size)
        try:
            with _counted():
                data = await fetch()
                _check_size(data)
                anew = await self._made_anew(header, data)
        finally:
            self._held -= size
        return await self._store(self._compose(account_id, header, claim), anew, claim)

    async def accept(
        self, account_id: int, header: UploadHeader, claim: UploadClaim, size: int, beginning: bytes
    ) -> Media:
        """Unfinished, of what lies in the queue's place already. Raises UnsupportedType, TooManyUnfinished."""
        with _counted():
            kind = check_kind(beginning, header.content_type, header.filename)
            await self._queue.check_room(account_id)
        return await self._accept(account_id, header, claim, size, beginning, kind)

    async def get(self, account_id: int, media_id: int) -> Media:
        """Raises MediaNotFound for what is not there or another's, MediaFailed where nothing could be made of it."""
        media = await self._own(account_id, media_id)
        check_sound(media)
        return media

    async def update(
        self, account_id: int, media_id: int, description: str | None, focus_x: float | None, focus_y: float | None
    ) -> Media:
        """Changes what is given, before the media is posted. Raises MediaNotFound, InvalidField, MediaFailed."""
        media = await self.get(account_id, media_id)
        if media.post_id > 0 or media.post_id == OF_PROFILE:
            raise MediaNotFound("this media is attached to a post already")
        changed = replace(described(media, description, focus_x, focus_y), version=self._versions.next(media.version))
        await self._media.describe(changed)
        return changed

    async def delete(self, account_id: int, media_id: int) -> None:
        """So that no post takes it any more; its files go with the next sweep. Raises MediaNotFound, MediaInUse."""
        media = await self._own(account_id, media_id)
        if media.post_id and not media.is_unfinished:
            raise MediaInUse
        await self._media.remove(replace(media, version=self._versions.next(media.version)))
        log.info("media.deleted", media_id=media_id, account_id=account_id)

    async def _own(self, account_id: int, media_id: int) -> Media:
        media = (await self._media.get_many([media_id])).get(media_id)
        if media is None or media.account_id != account_id:
            raise MediaNotFound("there is no such media of yours")
        return media

    def _hold(self, size: int) -> None:
        if self._held + size > MAX_HELD_BYTES:
            raise TooManyUploads("too many files are being uploaded", retry_after=5.0)
        self._held += size

    async def _make(self, account_id: int, header: UploadHeader, data: bytes) -> Media:
        """With a key the key's row is written before the files: after a crash in between, the same request finds it,
        and writes the same files and the same row again."""
        if not data:
            raise BrokenFile("is empty")
        # Who knows a picture's address may see it, so that nobody must be able to guess it.
        folder = f"media/{secrets.token_urlsafe(KEY_BYTES)}"
        claim = UploadClaim(_digest(header, data), self._ids.mint(), folder)
        if header.request_id:
            held = await self._media.find_claim(account_id, header.request_id)
            made = await self._made(header, held, claim)
            if made is not None:
                return made
            claim = held or claim
        kind = check_kind(data, header.content_type, header.filename)
        is_later = header.accepts_pending and header.purpose is Purpose.POST and is_slow(data, kind)
        if is_later:
            await self._queue.check_room(account_id)
            made_anew = None
        else:
            made_anew = await self._made_anew(header, data)
        if header.request_id:
            held = await self._media.claim(account_id, header.request_id, claim)
            made = await self._made(header, held, claim)
            if made is not None:  # The same request, served by another process meanwhile.
                return made
            claim = held
        if made_anew is not None:
            return await self._store(self._compose(account_id, header, claim), made_anew, claim)
        await self._queue.put(claim.folder, data)
        return await self._accept(account_id, header, claim, len(data), data, kind)

    async def _made_anew(self, header: UploadHeader, data: bytes) -> ProcessedMedia:
        kind = check_kind(data, header.content_type, header.filename)
        if kind in PLAYED and header.purpose is not Purpose.POST:
            raise UnsupportedType("must be a picture")
        return await self._workers.process(data, kind, header.purpose)

    async def _made(self, header: UploadHeader, held: UploadClaim | None, claim: UploadClaim) -> Media | None:
        """What the key's first request made, if it came so far. Raises IdempotencyConflict, MediaFailed."""
        if held is None:
            return None
        if held.body_hash != claim.body_hash:
            raise IdempotencyConflict("this Idempotency-Key was used with another file or description")
        made = await self._find(held)
        # Who does not accept what is unfinished makes it at once; whoever processes it then finds it done.
        return None if made is not None and made.is_unfinished and not header.accepts_pending else made

    async def _find(self, claim: UploadClaim) -> Media | None:
        made = (await self._media.get_many([claim.media_id])).get(claim.media_id)
        if made is not None:
            check_sound(made)
        return made

    async def _store(self, media: Media, file: ProcessedMedia, claim: UploadClaim) -> Media:
        made = with_file(media, file, claim.folder)
        await self._files.put(made, file)
        await self._media.put(made)
        return made

    async def _accept(
        self, account_id: int, header: UploadHeader, claim: UploadClaim, size: int, beginning: bytes, kind: Kind
    ) -> Media:
        expected = expected_type(beginning, kind)
        media = replace(
            self._compose(account_id, header, claim),
            type=expected,
            post_id=UNFINISHED,
            playback=None if expected is MediaType.IMAGE else Playback(expected, 0, 0),
        )
        await self._queue.accept(media, claim.folder, kind, size)
        return media

    def _compose(self, account_id: int, header: UploadHeader, claim: UploadClaim) -> Media:
        """Without a file."""
        return Media(
            media_id=claim.media_id,
            account_id=account_id,
            type=MediaType.IMAGE,
            original_key="",
            small_key="",
            original=NO_SIZE,
            small=NO_SIZE,
            blurhash="",
            description=header.description,
            focus=header.focus,
            post_id=0 if header.purpose is Purpose.POST else OF_PROFILE,
            version=self._versions.next(),
        )


@contextmanager
def _counted() -> Iterator[None]:
    """Counts an upload by what becomes of it."""
    try:
        yield
    except AppError as error:
        metrics.UPLOADS.labels(error.reason).inc()
        raise
    metrics.UPLOADS.labels("OK").inc()


def _digest(header: UploadHeader, data: bytes) -> bytes:
    """Of all that an upload says, so that a key means one upload."""
    said = repr((header.description, header.focus.x, header.focus.y, header.purpose.value)).encode()
    return hashlib.sha256(hashlib.sha256(data).digest() + said).digest()


def check_header(header: UploadHeader) -> None:
    """Raises InvalidField."""
    _check_request_id(header.request_id)
    _check_description(header.description)
    _check_focus(header.focus)


def _check_size(data: bytes | bytearray) -> None:
    """Raises FileTooLarge; what may be as large is told by how it begins."""
    if len(data) > MAX_UPLOAD_BYTES:
        limit = MAX_PLAYED_BYTES if sniff(bytes(data[:SNIFFED_BYTES])) in PLAYED else MAX_UPLOAD_BYTES
        if len(data) > limit:
            raise FileTooLarge(f"must be at most {limit // 1024 // 1024} MiB")


def _check_request_id(request_id: str) -> None:
    check_text("request_id", request_id)
    if len(request_id) > MAX_REQUEST_ID_CHARS:
        raise InvalidField("request_id", "ERR_TOO_LONG", f"must be at most {MAX_REQUEST_ID_CHARS} characters")


def described(media: Media, description: str | None, focus_x: float | None, focus_y: float | None) -> Media:
    """The media with what is given in its place. Raises InvalidField."""
    if description is not None:
        _check_description(description)
    focus = Focus(
        media.focus.x if focus_x is None else focus_x,
        media.focus.y if focus_y is None else focus_y,
    )
    _check_focus(focus)
    return replace(media, description=media.description if description is None else description, focus=focus)


def _check_description(description: str) -> None:
    check_text("description", description)
    if len(description) > MAX_DESCRIPTION_CHARS:
        raise InvalidField("description", "ERR_TOO_LONG", f"must be at most {MAX_DESCRIPTION_CHARS} characters")


def _check_focus(focus: Focus) -> None:
    if not (-1 <= focus.x <= 1 and -1 <= focus.y <= 1):  # so that NaN is refused too
        raise InvalidField("focus", "ERR_INVALID", "must be two numbers between -1 and 1")
