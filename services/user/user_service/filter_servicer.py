"""FilterService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import grpc

from rookery.user.v1 import filter_service_pb2 as pb
from rookery.user.v1.filter_service_pb2_grpc import FilterServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import Unauthenticated
from user_service.errors import FieldInvalid
from user_service.filters.models import Action, Context, Filter, FilterChange, KeywordChange
from user_service.filters.service import Filters
from user_service.request_keys import RequestKey

SERVICE_NAME = "rookery.user.v1.FilterService"
ALLOWED_CALLERS = {
    name: frozenset({"gateway"})
    for name in (
        "ListFilters", "CreateFilter", "UpdateFilter", "DeleteFilter", "AddFilterStatus", "RemoveFilterStatus",
    )
} | {"ListFiltersOf": frozenset({"notification"})}  # fmt: skip
WRITE_SCOPE = "write:filters"
RpcContext = grpc.aio.ServicerContext[Any, Any]


class FilterServicer(FilterServiceServicer):
    """The RPCs of filters."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters

    async def ListFilters(self, request: pb.ListFiltersRequest, context: RpcContext) -> pb.ListFiltersResponse:
        # Whoever is shown posts is shown them filtered: any token of the account will do.
        filters = await self._filters.list(_account(require_identity().account_id))
        return pb.ListFiltersResponse(filters=map(_filter, filters))

    async def ListFiltersOf(self, request: pb.ListFiltersOfRequest, context: RpcContext) -> pb.ListFiltersOfResponse:
        if request.account_id <= 0:
            raise FieldInvalid("account_id", "must be an id")
        filters = await self._filters.list(request.account_id)
        return pb.ListFiltersOfResponse(filters=map(_filter, filters))

    async def CreateFilter(self, request: pb.CreateFilterRequest, context: RpcContext) -> pb.CreateFilterResponse:
        me = _account(require_identity(WRITE_SCOPE).account_id)
        change = FilterChange(
            title=request.title,
            contexts=_contexts(request.contexts),
            action=_action(request.action),
            expire_seconds=request.expire_seconds,
            keywords=_keywords(request.keywords),
        )
        return pb.CreateFilterResponse(filter=_filter(await self._filters.create(me, change, request_key(request))))

    async def UpdateFilter(self, request: pb.UpdateFilterRequest, context: RpcContext) -> pb.UpdateFilterResponse:
        me = _account(require_identity(WRITE_SCOPE).account_id)
        change = FilterChange(
            title=request.title if request.HasField("title") else None,
            contexts=_contexts(request.contexts) or None,
            action=_action(request.action),
            expire_seconds=request.expire_seconds if request.HasField("expire_seconds") else None,
            keywords=_keywords(request.keywords),
        )
        return pb.UpdateFilterResponse(filter=_filter(await self._filters.update(me, request.filter_id, change)))

    async def DeleteFilter(self, request: pb.DeleteFilterRequest, context: RpcContext) -> pb.DeleteFilterResponse:
        await self._filters.delete(_account(require_identity(WRITE_SCOPE).account_id), request.filter_id)
        return pb.DeleteFilterResponse()

    async def AddFilterStatus(
        self, request: pb.AddFilterStatusRequest, context: RpcContext
    ) -> pb.AddFilterStatusResponse:
        me = _account(require_identity(WRITE_SCOPE).account_id)
        filter_ = await self._filters.add_status(me, request.filter_id, request.status_id)
        return pb.AddFilterStatusResponse(filter=_filter(filter_))

    async def RemoveFilterStatus(
        self, request: pb.RemoveFilterStatusRequest, context: RpcContext
    ) -> pb.RemoveFilterStatusResponse:
        await self._filters.remove_status(_account(require_identity(WRITE_SCOPE).account_id), request.filter_status_id)
        return pb.RemoveFilterStatusResponse()


def request_key(request: Any) -> RequestKey | None:
    """What makes repeating a message with a `request_id` harmless; None where that is empty."""
    if not request.request_id:
        return None
    return RequestKey(request.request_id, sha256(request.SerializeToString(deterministic=True)).digest())


def _account(account_id: int) -> int:
    """An application's own token has none."""
    if not account_id:
        raise Unauthenticated("this needs a user's token")
    return account_id


def _contexts(values: Sequence[int]) -> tuple[Context, ...]:
    try:
        return tuple(map(Context, values))
    except ValueError:
        raise FieldInvalid("context", "is not a context of filters", "ERR_INCLUSION") from None


def _action(value: int) -> Action | None:
    if not value:
        return None
    try:
        return Action(value)
    except ValueError:
        raise FieldInvalid("filter_action", "is not an action of filters", "ERR_INCLUSION") from None


def _keywords(changes: Sequence[pb.FilterKeywordChange]) -> tuple[KeywordChange, ...]:
    return tuple(
        KeywordChange(
            change.keyword_id,
            change.keyword if change.HasField("keyword") else None,
            change.whole_word if change.HasField("whole_word") else None,
            change.remove,
        )
        for change in changes
    )


def _filter(filter_: Filter) -> pb.Filter:
    message = pb.Filter(
        filter_id=filter_.filter_id,
        title=filter_.title,
        contexts=[pb.FilterContext.ValueType(context) for context in filter_.contexts],
        action=pb.FilterAction.ValueType(filter_.action),
    )
    if filter_.expires_at is not None:
        message.expire_time.FromDatetime(filter_.expires_at)
    for each in filter_.keywords:
        message.keywords.add(keyword_id=each.keyword_id, keyword=each.keyword, whole_word=each.whole_word)
    for status in filter_.statuses:
        message.statuses.add(filter_status_id=status.filter_status_id, status_id=status.status_id)
    return message
