"""DraftService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.events import PostCodec
from post_service.models import Draft, ListBounds
from post_service.schedule_servicer import request_of
from post_service.service.saved_drafts import DraftView, SavedDrafts
from post_service.servicer import draft_of
from rookery.post.v1 import draft_service_pb2 as pb
from rookery.post.v1.draft_service_pb2_grpc import DraftServiceServicer

SERVICE_NAME: Final = "rookery.post.v1.DraftService"
WRITE: Final = "write:statuses"
READ: Final = "read:statuses"
Context = grpc.aio.ServicerContext[Any, Any]


class DraftServicer(DraftServiceServicer):
    """One method for each RPC."""

    def __init__(self, drafts: SavedDrafts, codec: PostCodec) -> None:
        self._drafts = drafts
        self._codec = codec

    async def CreateDraft(self, request: pb.CreateDraftRequest, context: Context) -> pb.CreateDraftResponse:
        made = await self._drafts.create(require_user(WRITE), draft_of(request.post))
        return pb.CreateDraftResponse(draft=self._message(made))

    async def ListDrafts(self, request: pb.ListDraftsRequest, context: Context) -> pb.ListDraftsResponse:
        bounds = ListBounds(request.page_size, request.max_id, request.min_id, request.since_id)
        page = await self._drafts.page(require_user(READ), bounds)
        return pb.ListDraftsResponse(drafts=map(self._message, page.views), reached_id=page.reached_id)

    async def GetDraft(self, request: pb.GetDraftRequest, context: Context) -> pb.GetDraftResponse:
        return pb.GetDraftResponse(draft=self._message(await self._drafts.get(require_user(READ), request.draft_id)))

    async def UpdateDraft(self, request: pb.UpdateDraftRequest, context: Context) -> pb.UpdateDraftResponse:
        draft = draft_of(request.post)
        changed = await self._drafts.update(require_user(WRITE), request.draft_id, request.version, draft)
        return pb.UpdateDraftResponse(draft=self._message(changed))

    async def DeleteDraft(self, request: pb.DeleteDraftRequest, context: Context) -> pb.DeleteDraftResponse:
        await self._drafts.delete(require_user(WRITE), request.draft_id, request.version)
        return pb.DeleteDraftResponse()

    async def PublishDraft(self, request: pb.PublishDraftRequest, context: Context) -> pb.PublishDraftResponse:
        asked = Draft(
            request_id=request.request_id,
            application_name=request.application_name,
            application_website=request.application_website,
        )
        post = await self._drafts.publish(require_user(WRITE), request.draft_id, request.version, asked)
        return pb.PublishDraftResponse(post=self._codec.post(post))

    def _message(self, view: DraftView) -> pb.Draft:
        saved = view.saved
        message = pb.Draft(
            draft_id=saved.draft_id,
            version=saved.version,
            post=request_of(saved.draft),
            media=map(self._codec.media, view.media),
        )
        message.update_time.FromDatetime(saved.updated_at)
        return message
