"""User: filters, each its owner's alone."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import filter_service_pb2 as pb
from rookery.user.v1.filter_service_pb2_grpc import FilterServiceServicer
from rookery_common.auth import Identity
from rookery_common.errors import NotFound

FILTER_BASE = 70_000


class FilterServer(FilterServiceServicer):
    """What a world holds, over gRPC."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def ListFilters(self, request: Any, _context: Any) -> pb.ListFiltersResponse:
        self._world.note("ListFilters", request)
        return pb.ListFiltersResponse(filters=self._world.filters)


class FakeFilters(FakeService):
    """Filters in memory."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.filters: dict[tuple[int, int], pb.Filter] = {}
        self._last = FILTER_BASE

    def of(self, account_id: int) -> list[pb.Filter]:
        return [each for (owner, _), each in self.filters.items() if owner == account_id]

    def ListFilters(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return pb.ListFiltersResponse(filters=self.of(who.account_id))

    def CreateFilter(self, request: pb.CreateFilterRequest, who: Identity | None) -> Any:
        assert who is not None
        if not request.title:
            raise bad("title", "ERR_BLANK", "can't be blank")
        made = pb.Filter(filter_id=self._mint(), title=request.title, contexts=request.contexts)
        made.action = request.action or pb.FILTER_ACTION_WARN
        if request.expire_seconds:
            made.expire_time.FromMilliseconds(self.world.clock.unix_ms() + 1000 * request.expire_seconds)
        self._change(made, request.keywords)
        self.filters[who.account_id, made.filter_id] = made
        return pb.CreateFilterResponse(filter=made)

    def UpdateFilter(self, request: pb.UpdateFilterRequest, who: Identity | None) -> Any:
        found = self._named(who, request.filter_id)
        found.title = request.title if request.HasField("title") else found.title
        found.action = request.action or found.action
        if request.contexts:
            del found.contexts[:]
            found.contexts.extend(request.contexts)
        if request.HasField("expire_seconds") and not request.expire_seconds:
            found.ClearField("expire_time")
        self._change(found, request.keywords)
        return pb.UpdateFilterResponse(filter=found)

    def DeleteFilter(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        del self.filters[who.account_id, self._named(who, request.filter_id).filter_id]
        return pb.DeleteFilterResponse()

    def AddFilterStatus(self, request: Any, who: Identity | None) -> Any:
        found = self._named(who, request.filter_id)
        found.statuses.add(filter_status_id=self._mint(), status_id=request.status_id)
        return pb.AddFilterStatusResponse(filter=found)

    def RemoveFilterStatus(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        for found in self.of(who.account_id):
            for status in found.statuses:
                if status.filter_status_id == request.filter_status_id:
                    found.statuses.remove(status)
                    return pb.RemoveFilterStatusResponse()
        raise NotFound("No such status")

    def _named(self, who: Identity | None, filter_id: int) -> pb.Filter:
        assert who is not None
        if (who.account_id, filter_id) not in self.filters:
            raise NotFound("No such filter")
        return self.filters[who.account_id, filter_id]

    def _change(self, found: pb.Filter, changes: Any) -> None:
        for change in changes:
            known = next((each for each in found.keywords if each.keyword_id == change.keyword_id), None)
            if change.remove and known is not None:
                found.keywords.remove(known)
                continue
            if known is None:
                known = found.keywords.add(keyword_id=self._mint(), whole_word=True)
            if change.HasField("keyword"):
                known.keyword = change.keyword
            if change.HasField("whole_word"):
                known.whole_word = change.whole_word

    def _mint(self) -> int:
        self._last += 1
        return self._last
