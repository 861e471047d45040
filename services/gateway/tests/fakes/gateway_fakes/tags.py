"""User: followed hashtags, each account's own."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import tag_service_pb2 as pb
from rookery.user.v1.tag_service_pb2_grpc import TagServiceServicer
from rookery_common.auth import Identity


class TagServer(TagServiceServicer):
    """What everybody in a world follows, over gRPC."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def ListFollowedTags(self, request: Any, _context: Any) -> pb.ListFollowedTagsResponse:
        self._world.note("ListFollowedTags", request.page_size)
        return pb.ListFollowedTagsResponse(names=self._world.followed_tags)


class FakeTags(FakeService):
    """Followed hashtags in memory, in the order in which they were followed."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.followed: list[tuple[int, str]] = []

    def of(self, account_id: int) -> list[str]:
        return [name for owner, name in reversed(self.followed) if owner == account_id]

    def ListFollowedTags(self, request: pb.ListFollowedTagsRequest, who: Identity | None) -> Any:
        assert who is not None
        if request.page_token and not request.page_token.isdigit():
            raise bad("page_token", "ERR_INVALID", "is not a token of this list")
        start, mine = int(request.page_token or 0), self.of(who.account_id)
        page = mine[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(mine) else ""
        return pb.ListFollowedTagsResponse(names=page, next_page_token=more)

    def FollowTag(self, request: pb.FollowTagRequest, who: Identity | None) -> Any:
        assert who is not None
        if (who.account_id, request.name) not in self.followed:
            self.followed.append((who.account_id, request.name))
        return pb.FollowTagResponse(name=request.name)

    def UnfollowTag(self, request: pb.UnfollowTagRequest, who: Identity | None) -> Any:
        assert who is not None
        self.followed = [each for each in self.followed if each != (who.account_id, request.name)]
        return pb.UnfollowTagResponse(name=request.name)
