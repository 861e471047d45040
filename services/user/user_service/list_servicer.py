"""ListService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import list_service_pb2 as pb
from rookery.user.v1.list_service_pb2_grpc import ListServiceServicer
from user_service.errors import FieldInvalid
from user_service.filter_servicer import request_key
from user_service.lists.models import AccountList, ListChange, RepliesPolicy
from user_service.lists.service import Lists
from user_service.relationship_servicer import caller_id

SERVICE_NAME = "rookery.user.v1.ListService"
ALLOWED_CALLERS = {
    name: frozenset({"gateway"})
    for name in (
        "ListAccountLists", "GetAccountList", "CreateAccountList", "UpdateAccountList", "DeleteAccountList",
        "PutListMembers", "RemoveListMembers", "ListListMembers",
    )
}  # fmt: skip
READ_SCOPE, WRITE_SCOPE = "read:lists", "write:lists"
Context = grpc.aio.ServicerContext[Any, Any]


class ListServicer(ListServiceServicer):
    """The RPCs of lists."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    async def ListAccountLists(
        self, request: pb.ListAccountListsRequest, context: Context
    ) -> pb.ListAccountListsResponse:
        me = caller_id(READ_SCOPE)
        found = await (self._lists.holding(me, request.member_id) if request.member_id else self._lists.all(me))
        return pb.ListAccountListsResponse(lists=map(_list, found))

    async def GetAccountList(self, request: pb.GetAccountListRequest, context: Context) -> pb.GetAccountListResponse:
        found = await self._lists.named(caller_id(READ_SCOPE), request.list_id)
        return pb.GetAccountListResponse(list=_list(found))

    async def CreateAccountList(
        self, request: pb.CreateAccountListRequest, context: Context
    ) -> pb.CreateAccountListResponse:
        change = ListChange(request.title, _policy(request.replies_policy), request.exclusive)
        made = await self._lists.create(caller_id(WRITE_SCOPE), change, request_key(request))
        return pb.CreateAccountListResponse(list=_list(made))

    async def UpdateAccountList(
        self, request: pb.UpdateAccountListRequest, context: Context
    ) -> pb.UpdateAccountListResponse:
        change = ListChange(
            request.title if request.HasField("title") else None,
            _policy(request.replies_policy),
            request.exclusive if request.HasField("exclusive") else None,
        )
        changed = await self._lists.update(caller_id(WRITE_SCOPE), request.list_id, change)
        return pb.UpdateAccountListResponse(list=_list(changed))

    async def DeleteAccountList(
        self, request: pb.DeleteAccountListRequest, context: Context
    ) -> pb.DeleteAccountListResponse:
        await self._lists.delete(caller_id(WRITE_SCOPE), request.list_id)
        return pb.DeleteAccountListResponse()

    async def PutListMembers(self, request: pb.PutListMembersRequest, context: Context) -> pb.PutListMembersResponse:
        await self._lists.add(caller_id(WRITE_SCOPE), request.list_id, request.account_ids)
        return pb.PutListMembersResponse()

    async def RemoveListMembers(
        self, request: pb.RemoveListMembersRequest, context: Context
    ) -> pb.RemoveListMembersResponse:
        await self._lists.remove(caller_id(WRITE_SCOPE), request.list_id, request.account_ids)
        return pb.RemoveListMembersResponse()

    async def ListListMembers(self, request: pb.ListListMembersRequest, context: Context) -> pb.ListListMembersResponse:
        page = (request.page_size, request.page_token)
        members, token = await self._lists.members(caller_id(READ_SCOPE), request.list_id, *page)
        return pb.ListListMembersResponse(account_ids=members, next_page_token=token)


def _policy(value: int) -> RepliesPolicy | None:
    if not value:
        return None
    try:
        return RepliesPolicy(value)
    except ValueError:
        raise FieldInvalid("replies_policy", "is not a policy of lists", "ERR_INCLUSION") from None


def _list(found: AccountList) -> pb.AccountList:
    return pb.AccountList(
        list_id=found.list_id,
        title=found.title,
        replies_policy=pb.RepliesPolicy.ValueType(found.replies_policy),
        exclusive=found.exclusive,
    )
