"""User's relationships beside follows: blocks, mutes and requests to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import account_pb2
from rookery.user.v1 import relationship_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import FailedPrecondition, NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World

Pair = tuple[int, int]


class FakeRelationships(FakeService):
    """Sets of pairs, the one who acts first; what `FakeUser.relation` says is completed from them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.blocks: set[Pair] = set()
        self.mutes: dict[Pair, pb.MuteAccountRequest] = {}
        self.requests: set[Pair] = set()
        self.notes: dict[Pair, str] = {}
        self.endorsements: set[Pair] = set()

    def complete(self, relation: account_pb2.Relationship, viewer: int) -> account_pb2.Relationship:
        here, there = (viewer, relation.account_id), (relation.account_id, viewer)
        relation.blocking, relation.blocked_by = here in self.blocks, there in self.blocks
        relation.muting = here in self.mutes
        mute = self.mutes.get(here)
        relation.muting_notifications = mute is not None and (mute.notifications or not mute.HasField("notifications"))
        relation.requested, relation.requested_by = here in self.requests, there in self.requests
        relation.endorsed, relation.note = here in self.endorsements, self.notes.get(here, "")
        return relation

    def SetAccountNote(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.notes[pair] = request.comment
        return pb.SetAccountNoteResponse(relationship=self.world.user.relation(*pair))

    def EndorseAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        if pair not in self.world.user.follows:
            raise FailedPrecondition("Not followed")
        self.endorsements.add(pair)
        return pb.EndorseAccountResponse(relationship=self.world.user.relation(*pair))

    def UnendorseAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.endorsements.discard(pair)
        return pb.UnendorseAccountResponse(relationship=self.world.user.relation(*pair))

    def ListEndorsements(self, request: Any, _who: Any) -> Any:
        if request.account_id not in self.world.user.accounts:
            raise NotFound("No such account")
        found = sorted(other for account_id, other in self.endorsements if account_id == request.account_id)
        page, token = self._page(found, request)
        return pb.ListEndorsementsResponse(account_ids=page, next_page_token=token)

    def ListFamiliarFollowers(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        follows, response = self.world.user.follows, pb.ListFamiliarFollowersResponse()
        mine = {followee for follower, followee in follows if follower == who.account_id}
        for account_id in request.account_ids:
            known = sorted(each for each in mine if (each, account_id) in follows)
            response.results.add(account_id=account_id, follower_ids=known)
        return response

    def BlockAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.blocks.add(pair)
        return pb.BlockAccountResponse(relationship=self.world.user.relation(*pair))

    def UnblockAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.blocks.discard(pair)
        return pb.UnblockAccountResponse(relationship=self.world.user.relation(*pair))

    def MuteAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.mutes[pair] = request
        return pb.MuteAccountResponse(relationship=self.world.user.relation(*pair))

    def UnmuteAccount(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.mutes.pop(pair, None)
        return pb.UnmuteAccountResponse(relationship=self.world.user.relation(*pair))

    def RemoveFollower(self, request: Any, who: Identity | None) -> Any:
        pair = self._pair(request, who)
        self.world.user.follows.discard(pair[::-1])
        return pb.RemoveFollowerResponse(relationship=self.world.user.relation(*pair))

    def AuthorizeFollowRequest(self, request: Any, who: Identity | None) -> Any:
        pair = self._answered(request, who)
        self.world.user.follows.add(pair[::-1])
        return pb.AuthorizeFollowRequestResponse(relationship=self.world.user.relation(*pair))

    def RejectFollowRequest(self, request: Any, who: Identity | None) -> Any:
        pair = self._answered(request, who)
        return pb.RejectFollowRequestResponse(relationship=self.world.user.relation(*pair))

    def ListBlocks(self, request: Any, who: Identity | None) -> Any:
        found = self._others(self.blocks, who)
        page, token = self._page(found, request)
        return pb.ListBlocksResponse(account_ids=page, next_page_token=token)

    def ListMutes(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        response = pb.ListMutesResponse()
        for account_id in self._others(set(self.mutes), who):
            muted = response.accounts.add(account_id=account_id)
            seconds = self.mutes[who.account_id, account_id].duration.seconds
            if seconds:
                muted.expire_time.FromSeconds(1_700_000_000 + seconds)
        return response

    def ListFollowRequests(self, request: Any, who: Identity | None) -> Any:
        found = self._others({pair[::-1] for pair in self.requests}, who)
        page, token = self._page(found, request)
        return pb.ListFollowRequestsResponse(account_ids=page, next_page_token=token)

    def _pair(self, request: Any, who: Identity | None) -> Pair:
        assert who is not None
        if request.account_id not in self.world.user.accounts:
            raise NotFound("No such account")
        return who.account_id, request.account_id

    def _answered(self, request: Any, who: Identity | None) -> Pair:
        pair = self._pair(request, who)
        if pair[::-1] not in self.requests:
            raise NotFound("No such follow request")
        self.requests.discard(pair[::-1])
        return pair

    def _others(self, pairs: set[Pair], who: Identity | None) -> list[int]:
        assert who is not None
        return sorted(other for account_id, other in pairs if account_id == who.account_id)

    def _page(self, found: list[int], request: Any) -> tuple[list[int], str]:
        if request.page_token and not request.page_token.isdigit():
            raise bad("page_token", "ERR_INVALID", "is not a token of this list")
        start = int(request.page_token or 0)
        page = found[start : start + request.page_size]
        return page, str(start + len(page)) if start + len(page) < len(found) else ""
