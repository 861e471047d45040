"""User: lists, each its owner's alone."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import list_service_pb2 as pb
from rookery.user.v1.list_service_pb2_grpc import ListServiceServicer
from rookery_common.auth import Identity
from rookery_common.errors import NotFound

LIST_BASE = 80_000


class ListServer(ListServiceServicer):
    """The members of a world's lists, which are all the caller's own, over gRPC."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def GetAccountList(self, request: Any, _context: Any) -> pb.GetAccountListResponse:
        self._of(request.list_id)
        return pb.GetAccountListResponse(list=pb.AccountList(list_id=request.list_id))

    async def ListListMembers(self, request: Any, _context: Any) -> pb.ListListMembersResponse:
        return pb.ListListMembersResponse(account_ids=sorted(self._of(request.list_id)))

    def _of(self, list_id: int) -> set[int]:
        members: set[int] | None = self._world.lists.get(list_id)
        if members is None:
            raise NotFound("No such list")
        return members


class FakeLists(FakeService):
    """Lists in memory, with the members of each."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.lists: dict[tuple[int, int], pb.AccountList] = {}
        self.members: dict[int, set[int]] = {}

    def ListAccountLists(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        mine = [each for (owner, _), each in self.lists.items() if owner == who.account_id]
        if request.member_id:
            mine = [each for each in mine if request.member_id in self.members[each.list_id]]
        return pb.ListAccountListsResponse(lists=mine)

    def GetAccountList(self, request: Any, who: Identity | None) -> Any:
        return pb.GetAccountListResponse(list=self._named(request, who))

    def CreateAccountList(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        if not request.title:
            raise bad("title", "ERR_BLANK", "can't be blank")
        policy = request.replies_policy or pb.REPLIES_POLICY_LIST
        list_id = LIST_BASE + len(self.lists)
        made = pb.AccountList(list_id=list_id, title=request.title, replies_policy=policy, exclusive=request.exclusive)
        self.lists[who.account_id, list_id], self.members[list_id] = made, set()
        return pb.CreateAccountListResponse(list=made)

    def UpdateAccountList(self, request: Any, who: Identity | None) -> Any:
        found = self._named(request, who)
        found.title = request.title if request.HasField("title") else found.title
        found.replies_policy = request.replies_policy or found.replies_policy
        found.exclusive = request.exclusive if request.HasField("exclusive") else found.exclusive
        return pb.UpdateAccountListResponse(list=found)

    def DeleteAccountList(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        del self.lists[who.account_id, self._named(request, who).list_id]
        return pb.DeleteAccountListResponse()

    def PutListMembers(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        found = self._named(request, who)
        if not all((who.account_id, member) in self.world.user.follows for member in request.account_ids):
            raise NotFound("Not followed")
        self.members[found.list_id] |= set(request.account_ids)
        return pb.PutListMembersResponse()

    def RemoveListMembers(self, request: Any, who: Identity | None) -> Any:
        self.members[self._named(request, who).list_id] -= set(request.account_ids)
        return pb.RemoveListMembersResponse()

    def ListListMembers(self, request: Any, who: Identity | None) -> Any:
        found = sorted(self.members[self._named(request, who).list_id])
        start = int(request.page_token or 0)
        page = found[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(found) else ""
        return pb.ListListMembersResponse(account_ids=page, next_page_token=more)

    def _named(self, request: Any, who: Identity | None) -> pb.AccountList:
        assert who is not None
        if (who.account_id, request.list_id) not in self.lists:
            raise NotFound("No such list")
        return self.lists[who.account_id, request.list_id]
