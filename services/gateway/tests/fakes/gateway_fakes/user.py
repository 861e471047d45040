"""User: accounts, and who follows whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import account_pb2, user_service_pb2
from rookery_common.auth import Identity
from rookery_common.errors import (
    NotFound,
)

if TYPE_CHECKING:
    from gateway_fakes.world import World


ACCOUNT_BASE = 1_000


class FakeUser(FakeService):
    """Accounts and follows."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.accounts: dict[int, account_pb2.Account] = {}
        self.follows: set[tuple[int, int]] = set()

    def add(self, username: str, note: str = "") -> int:
        account_id = ACCOUNT_BASE + len(self.accounts) + 1
        account = account_pb2.Account(account_id=account_id, username=username, note=note, version=1)
        account.create_time.FromSeconds(1_700_000_000)
        self.accounts[account_id] = account
        return account_id

    def LookupAccounts(self, request: Any, _who: Any) -> Any:
        names = {name.lower() for name in request.usernames}
        found = [account for account in self.accounts.values() if account.username.lower() in names]
        return user_service_pb2.LookupAccountsResponse(accounts=found)

    def relation(self, viewer: int, account_id: int) -> account_pb2.Relationship:
        relation = account_pb2.Relationship(
            account_id=account_id,
            following=(viewer, account_id) in self.follows,
            followed_by=(account_id, viewer) in self.follows,
            showing_reblogs=(viewer, account_id) in self.follows,
        )
        return self.world.relationships.complete(relation, viewer)

    def FollowAccount(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        if request.account_id not in self.accounts:
            raise NotFound("No such account")
        if request.account_id == who.account_id:
            raise bad("account_id", "ERR_INVALID", "is your own")
        self.follows.add((who.account_id, request.account_id))
        return user_service_pb2.FollowAccountResponse(relationship=self.relation(who.account_id, request.account_id))

    def UnfollowAccount(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        self.follows.discard((who.account_id, request.account_id))
        return user_service_pb2.UnfollowAccountResponse(relationship=self.relation(who.account_id, request.account_id))

    def ListFollowers(self, request: Any, _who: Any) -> Any:
        found = sorted(follower for follower, followed in self.follows if followed == request.account_id)
        start = int(request.page_token or 0)
        page = found[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(found) else ""
        return user_service_pb2.ListFollowersResponse(account_ids=page, next_page_token=more)

    def ListFollowing(self, request: Any, _who: Any) -> Any:
        found = sorted(followed for follower, followed in self.follows if follower == request.account_id)
        return user_service_pb2.ListFollowingResponse(account_ids=found[: request.page_size])
