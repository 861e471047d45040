"""User: followed hashtags, each account's own, and those on profiles."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService, bad, with_reason
from rookery.user.v1 import featured_tag_service_pb2 as featured_pb
from rookery.user.v1 import tag_service_pb2 as pb
from rookery.user.v1.tag_service_pb2_grpc import TagServiceServicer
from rookery_common.auth import Identity
from rookery_common.errors import FailedPrecondition, NotFound


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
        self.featured: list[tuple[int, featured_pb.FeaturedTag]] = []

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

    def ListFeaturedTags(self, request: featured_pb.ListFeaturedTagsRequest, _who: Identity | None) -> Any:
        tags = [tag for owner, tag in self.featured if owner == request.account_id]
        return featured_pb.ListFeaturedTagsResponse(tags=tags, username=self._name(request.account_id))

    def FeatureTag(self, request: featured_pb.FeatureTagRequest, who: Identity | None) -> Any:
        assert who is not None
        mine = [tag for owner, tag in self.featured if owner == who.account_id]
        if request.name.isdigit():
            raise bad("name", "ERR_INVALID", "must be a hashtag", "FIELD_INVALID")
        known = [tag for tag in mine if tag.name == request.name.lower()]
        if not known and len(mine) == 10:
            raise with_reason(FailedPrecondition("an account may feature 10 hashtags"), "TOO_MANY_FEATURED_TAGS")
        if not known:
            known = [featured_pb.FeaturedTag(featured_id=len(self.featured) + 1, name=request.name.lower())]
            self.featured.append((who.account_id, known[0]))
        return featured_pb.FeatureTagResponse(tag=known[0], username=self._name(who.account_id))

    def UnfeatureTag(self, request: featured_pb.UnfeatureTagRequest, who: Identity | None) -> Any:
        assert who is not None
        kept = [
            (owner, tag)
            for owner, tag in self.featured
            if owner != who.account_id or (tag.name != request.name and tag.featured_id != request.featured_id)
        ]
        if request.featured_id and len(kept) == len(self.featured):
            raise with_reason(NotFound("there is no such featured hashtag"), "FEATURED_TAG_NOT_FOUND")
        self.featured = kept
        return featured_pb.UnfeatureTagResponse()

    def SuggestFeaturedTags(self, _request: Any, _who: Identity | None) -> Any:
        return featured_pb.SuggestFeaturedTagsResponse(names=["crows", "rooks"])

    def _name(self, account_id: int) -> str:
        account = self.world.user.accounts.get(account_id)
        if account is None:
            raise with_reason(NotFound("there is no such account"), "ACCOUNT_NOT_FOUND")
        return str(account.username)
