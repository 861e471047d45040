"""TransferService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from rookery.user.v1 import transfer_service_pb2 as pb
from rookery.user.v1.transfer_service_pb2_grpc import TransferServiceServicer
from rookery_common.auth import Identity, ScopeMissing, require_identity
from rookery_common.errors import Unauthenticated
from user_service.errors import FieldInvalid
from user_service.filter_servicer import request_key
from user_service.relationship_servicer import caller_id
from user_service.transfers.importing import Imports
from user_service.transfers.models import Import, ImportRow, Kind, Mode, Row
from user_service.transfers.service import Exports

SERVICE_NAME = "rookery.user.v1.TransferService"
ALLOWED_CALLERS = {
    name: frozenset({"gateway"})
    for name in ("ExportRows", "CreateImport", "ListImports", "GetImport", "ListFailedRows")
}
# A browser's session has it, and no app can.
BROWSER_SCOPE = "security"
# Of apps: to read of an import of the kind, and to make one.
SCOPES: Mapping[Kind, tuple[str, str]] = {
    Kind.FOLLOWS: ("read:follows", "write:follows"),
    Kind.BLOCKS: ("read:blocks", "write:blocks"),
    Kind.MUTES: ("read:mutes", "write:mutes"),
    Kind.LISTS: ("read:lists", "write:lists"),
    Kind.BOOKMARKS: ("read:bookmarks", "write:bookmarks"),
}
Context = grpc.aio.ServicerContext[Any, Any]


class TransferServicer(TransferServiceServicer):
    """The RPCs of what accounts take along and bring."""

    def __init__(self, exports: Exports, imports: Imports) -> None:
        self._exports = exports
        self._imports = imports

    async def ExportRows(self, request: pb.ExportRowsRequest, context: Context) -> pb.ExportRowsResponse:
        me, kind = caller_id(BROWSER_SCOPE), _kind(request.kind)
        rows, token = await self._exports.page(kind, me, request.page_size, request.page_token)
        return pb.ExportRowsResponse(rows=[_message(kind, row) for row in rows], next_page_token=token)

    async def CreateImport(self, request: pb.CreateImportRequest, context: Context) -> pb.CreateImportResponse:
        identity, kind, mode = _caller(), _kind(request.kind), _mode(request.mode)
        _check_scope(identity, SCOPES[kind][1])
        rows = [ImportRow(each.line, _given(each.row)) for each in request.rows]
        made = await self._imports.create(identity.account_id, kind, mode, rows, request_key(request))
        return pb.CreateImportResponse(progress=_import(made))

    async def ListImports(self, request: pb.ListImportsRequest, context: Context) -> pb.ListImportsResponse:
        identity = _caller()
        found = await self._imports.newest(identity.account_id)
        return pb.ListImportsResponse(
            imports=[_import(each) for each in found if _is_allowed(identity, SCOPES[each.kind][0])]
        )

    async def GetImport(self, request: pb.GetImportRequest, context: Context) -> pb.GetImportResponse:
        return pb.GetImportResponse(progress=_import(await self._found(request.import_id)))

    async def ListFailedRows(self, request: pb.ListFailedRowsRequest, context: Context) -> pb.ListFailedRowsResponse:
        found = await self._found(request.import_id)
        rows, more = await self._imports.failed_rows(found, request.after_line, request.page_size)
        response = pb.ListFailedRowsResponse(more=more)
        for given, reason in rows:
            row = pb.ImportRow(line=given.line, row=_message(found.kind, given.row))
            response.rows.add(row=row, reason=reason)
        return response

    async def _found(self, import_id: int) -> Import:
        """Raises ImportNotFound, ScopeMissing."""
        identity = _caller()
        found = await self._imports.get(identity.account_id, import_id)
        _check_scope(identity, SCOPES[found.kind][0])
        return found


def _caller() -> Identity:
    identity = require_identity()
    if not identity.account_id:
        raise Unauthenticated("this needs a user's token")
    return identity


def _is_allowed(identity: Identity, scope: str) -> bool:
    return identity.has_scope(scope) or identity.has_scope(BROWSER_SCOPE)


def _check_scope(identity: Identity, scope: str) -> None:
    if not _is_allowed(identity, scope):
        raise ScopeMissing(f"the token's scopes do not include {scope}")


def _mode(value: int) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise FieldInvalid("mode", "must be merge or overwrite", "ERR_INCLUSION") from None


def _given(row: pb.TransferRow) -> Row:
    if not row.HasField("follow"):
        return Row(
            row.username,
            notifications=row.notifications,
            list_title=row.list_title,
            post_address=row.post_address,
            post_id=row.post_id,
        )
    follow = row.follow
    return Row(row.username, follow.reblogs, follow.notify, tuple(follow.languages))


def _import(found: Import) -> pb.Import:
    message = pb.Import(
        import_id=found.import_id,
        kind=pb.TransferKind.ValueType(found.kind),
        mode=pb.ImportMode.ValueType(found.mode),
        total=found.total,
        done=found.done,
        failed=found.failed,
    )
    message.create_time.FromDatetime(found.created_at)
    if found.finished_at is not None:
        message.finish_time.FromDatetime(found.finished_at)
    return message


def _kind(value: int) -> Kind:
    try:
        return Kind(value)
    except ValueError:
        raise FieldInvalid("kind", "must be follows, blocks, mutes, lists or bookmarks", "ERR_INCLUSION") from None


def _message(kind: Kind, row: Row) -> pb.TransferRow:
    message = pb.TransferRow(
        username=row.username, list_title=row.list_title, post_address=row.post_address, post_id=row.post_id
    )
    if row.reblogs is not None:
        follow = pb.FollowPreferences(reblogs=row.reblogs, notify=bool(row.notify), languages=row.languages)
        message.follow.CopyFrom(follow)
    message.notifications = kind is Kind.MUTES and row.notifications
    return message
