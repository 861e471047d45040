"""EditService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.events import PostCodec
from post_service.models import Edit, MediaChange, Revision
from post_service.poll_servicer import poll_draft
from post_service.service.edit_post import PostEditor
from post_service.service.revisions import Revisions
from post_service.servicer import quote_policy
from rookery.post.v1 import edit_service_pb2 as pb
from rookery.post.v1.edit_service_pb2_grpc import EditServiceServicer
from rookery_common.auth import current_identity

SERVICE_NAME: Final = "rookery.post.v1.EditService"
Context = grpc.aio.ServicerContext[Any, Any]


class EditServicer(EditServiceServicer):
    """One method for each RPC."""

    def __init__(self, editor: PostEditor, revisions: Revisions, codec: PostCodec) -> None:
        self._editor = editor
        self._revisions = revisions
        self._codec = codec

    async def EditPost(self, request: pb.EditPostRequest, context: Context) -> pb.EditPostResponse:
        author = require_user("write:statuses")
        edit = Edit(
            text=request.text,
            spoiler_text=request.spoiler_text,
            sensitive=request.sensitive,
            language=request.language,
            media_ids=tuple(request.media_ids),
            media_changes=tuple(map(_change, request.media_attributes)),
            poll=poll_draft(request.poll) if request.HasField("poll") else None,
            quote_policy=quote_policy(request.quote_policy),
        )
        return pb.EditPostResponse(post=self._codec.post(await self._editor.edit(author, request.post_id, edit)))

    async def ListRevisions(self, request: pb.ListRevisionsRequest, context: Context) -> pb.ListRevisionsResponse:
        found = await self._revisions.of(current_identity(), request.post_id)
        return pb.ListRevisionsResponse(revisions=map(self._revision, found))

    def _revision(self, revision: Revision) -> pb.Revision:
        message = pb.Revision(
            text=revision.text,
            spoiler_text=revision.spoiler_text,
            sensitive=revision.sensitive,
            media=map(self._codec.media, revision.media),
            mentions=map(self._codec.mention, revision.mentions),
            tags=revision.tags,
            poll_options=revision.poll_options,
        )
        message.create_time.FromDatetime(revision.create_time)
        return message


def _change(attributes: pb.MediaAttributes) -> MediaChange:
    return MediaChange(
        media_id=attributes.media_id,
        description=attributes.description if attributes.HasField("description") else None,
        focus_x=attributes.focus_x if attributes.HasField("focus_x") else None,
        focus_y=attributes.focus_y if attributes.HasField("focus_y") else None,
    )
