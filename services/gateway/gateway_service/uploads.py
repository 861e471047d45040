"""Files of forms, handed on to post as they arrive: nothing is held as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway_service.config import KIB
from gateway_service.errors import FileTooLarge
from gateway_service.multipart import MultipartStream
from rookery.post.v1.media_pb2 import Media
from rookery.post.v1.post_service_pb2 import MediaHeader, UploadMediaRequest
from rookery_common.rpc import RpcClient

CHUNK_BYTES = 64 * KIB
FORM_BYTES = 64 * KIB  # What a form may hold beside its files.
MAX_FIELD_BYTES = 16 * KIB
MAX_NAME_CHARS = 255


async def send_file(post: RpcClient, stream: MultipartStream, header: MediaHeader, limit: int, seconds: float) -> Media:
    """The form's current part as post has stored it for the caller. Raises FileTooLarge, and what post refuses."""
    file = _File(stream, limit)
    try:
        answer = await post.upload("UploadMedia", file.requests(header), timeout=seconds)
    except asyncio.CancelledError:
        # A call whose requests fail is cancelled; the failure itself says more.
        if file.failure is None:
            raise
        raise file.failure from None
    media: Media = answer.media
    return media


class _File:
    """One file on its way."""

    def __init__(self, stream: MultipartStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.failure: Exception | None = None

    async def requests(self, header: MediaHeader) -> AsyncIterator[UploadMediaRequest]:
        """The file as post takes it. What goes wrong here is kept: the call that it breaks off can't tell."""
        try:
            yield UploadMediaRequest(header=header)
            async for chunk in self._chunks():
                yield UploadMediaRequest(chunk=chunk)
        except Exception as error:
            self.failure = error
            raise

    async def _chunks(self) -> AsyncIterator[bytes]:
        buffer, size = bytearray(), 0
        async for data in self._stream.data():
            size += len(data)
            if size > self._limit:
                raise FileTooLarge(self._limit)
            buffer += data
            while len(buffer) >= CHUNK_BYTES:
                yield bytes(buffer[:CHUNK_BYTES])
                del buffer[:CHUNK_BYTES]
        if buffer:
            yield bytes(buffer)
