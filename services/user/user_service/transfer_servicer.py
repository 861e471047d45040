"""TransferService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import transfer_service_pb2 as pb
from rookery.user.v1.transfer_service_pb2_grpc import TransferServiceServicer
from user_service.errors import FieldInvalid
from user_service.relationship_servicer import caller_id
from user_service.transfers.models import Kind, Row
from user_service.transfers.service import Exports

SERVICE_NAME = "rookery.user.v1.TransferService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("ExportRows",)}
# A browser's session has it, and no app can.
BROWSER_SCOPE = "security"
Context = grpc.aio.ServicerContext[Any, Any]


class TransferServicer(TransferServiceServicer):
    """The RPCs of what accounts take along."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    async def ExportRows(self, request: pb.ExportRowsRequest, context: Context) -> pb.ExportRowsResponse:
        me, kind = caller_id(BROWSER_SCOPE), _kind(request.kind)
        rows, token = await self._exports.page(kind, me, request.page_size, request.page_token)
        return pb.ExportRowsResponse(rows=[_message(kind, row) for row in rows], next_page_token=token)


def _kind(value: int) -> Kind:
    try:
        return Kind(value)
    except ValueError:
        raise FieldInvalid("kind", "must be follows, blocks, mutes or lists", "ERR_INCLUSION") from None


def _message(kind: Kind, row: Row) -> pb.TransferRow:
    message = pb.TransferRow(username=row.username, list_title=row.list_title)
    if kind is Kind.FOLLOWS:
        message.follow.CopyFrom(pb.FollowPreferences(reblogs=row.reblogs, notify=row.notify, languages=row.languages))
    elif kind is Kind.MUTES:
        message.notifications = row.notifications
    return message
