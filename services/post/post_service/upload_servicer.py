"""UploadService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.events import PostCodec
from post_service.models import Focus
from post_service.part_upload_models import PART_BYTES, PartUploadView
from post_service.service.media import UploadHeader
from post_service.service.part_uploads import PartUploads
from rookery.post.v1 import upload_service_pb2 as pb
from rookery.post.v1.upload_service_pb2_grpc import UploadServiceServicer

SERVICE_NAME: Final = "rookery.post.v1.UploadService"
SCOPE: Final = "write:media"
Context = grpc.aio.ServicerContext[Any, Any]


class UploadServicer(UploadServiceServicer):
    """One method for each RPC."""

    def __init__(self, uploads: PartUploads, codec: PostCodec) -> None:
        self._uploads = uploads
        self._codec = codec

    async def CreateUpload(self, request: pb.CreateUploadRequest, context: Context) -> pb.CreateUploadResponse:
        header = UploadHeader(
            filename=request.header.filename,
            content_type=request.header.content_type,
            description=request.header.description,
            focus=Focus(request.header.focus_x, request.header.focus_y),
            request_id=request.header.request_id,
        )
        made = await self._uploads.create(require_user(SCOPE).account_id, header, request.size)
        return pb.CreateUploadResponse(upload=_message(made))

    async def GetUpload(self, request: pb.GetUploadRequest, context: Context) -> pb.GetUploadResponse:
        found = await self._uploads.get(require_user(SCOPE).account_id, request.upload_id)
        return pb.GetUploadResponse(upload=_message(found))

    async def CompleteUpload(self, request: pb.CompleteUploadRequest, context: Context) -> pb.CompleteUploadResponse:
        media = await self._uploads.complete(
            require_user(SCOPE).account_id, request.upload_id, accepts_pending=request.accepts_pending
        )
        return pb.CompleteUploadResponse(media=self._codec.media(media))

    async def AbortUpload(self, request: pb.AbortUploadRequest, context: Context) -> pb.AbortUploadResponse:
        await self._uploads.abort(require_user(SCOPE).account_id, request.upload_id)
        return pb.AbortUploadResponse()


def _message(view: PartUploadView) -> pb.Upload:
    upload = view.upload
    message = pb.Upload(
        upload_id=upload.upload_id,
        size=upload.size,
        part_size=PART_BYTES,
        missing=[pb.UploadPart(number=part.number, size=part.size, url=part.url) for part in view.missing],
    )
    message.expire_time.FromDatetime(upload.expires_at)
    return message
