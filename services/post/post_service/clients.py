"""What this service asks of others: who is mentioned, whom a viewer follows, which keys verify a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from post_service.models import Mention
from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.user.v1 import user_service_pb2 as pb
from rookery.user.v1.account_pb2 import Relationship
from rookery_common.auth import Identity
from rookery_common.rpc.batching import Batcher
from rookery_common.rpc.client import RpcClient

KEYS_SECONDS = 2.0
LOOKUP_SECONDS = 2.0
RELATIONSHIPS_SECONDS = 1.0


class Relation(NamedTuple):
    """What a viewer is to an account: whether it follows, and whether a block of either keeps the two apart."""

    following: bool
    apart: bool


class UserClient:
    """Accounts and relationships, as far as posts need them. Raises AppError."""

    def __init__(self, user: RpcClient) -> None:
        self._user = user
        self._relationships: Batcher[pb.BatchGetRelationshipsEntry, pb.BatchGetRelationshipsResult] = Batcher(
            self._send, name="post.relationships"
        )

    async def find_accounts(self, usernames: Sequence[str]) -> list[Mention]:
        """The accounts of these usernames, in their order; unknown ones are left out."""
        request = pb.LookupAccountsRequest(usernames=usernames)
        response: pb.LookupAccountsResponse = await self._user.call(
            "LookupAccounts", request, timeout=LOOKUP_SECONDS, idempotent=True
        )
        found = {account.username.lower(): account for account in response.accounts}
        known = [found[name.lower()] for name in usernames if name.lower() in found]
        return [Mention(account.account_id, account.username) for account in known]

    async def followed_by(self, viewer: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        """Which of the accounts the viewer follows."""
        relations = await self.relations(viewer, account_ids)
        return frozenset(account_id for account_id, relation in relations.items() if relation.following)

    async def relations(self, viewer: Identity, account_ids: Sequence[int]) -> Mapping[int, Relation]:
        """What the viewer is to the accounts; those of whom it can't be said now are left out."""
        found = await (self._asked(viewer, account_ids) if viewer.token else self._asked_for(viewer, account_ids))
        return {each.account_id: Relation(each.following, each.blocking or each.blocked_by) for each in found}

    async def _asked(self, viewer: Identity, account_ids: Sequence[int]) -> Sequence[Relationship]:
        entry = pb.BatchGetRelationshipsEntry(account_ids=account_ids)
        return (await self._relationships(entry, timeout=RELATIONSHIPS_SECONDS, identity=viewer)).relationships

    async def _asked_for(self, viewer: Identity, account_ids: Sequence[int]) -> Sequence[Relationship]:
        """For work that is done at its time, while its author is not there."""
        request = pb.ListRelationshipsOfRequest(account_id=viewer.account_id, account_ids=account_ids)
        response: pb.ListRelationshipsOfResponse = await self._user.call(
            "ListRelationshipsOf", request, timeout=RELATIONSHIPS_SECONDS, idempotent=True, identity=None
        )
        return response.relationships

    async def _send(
        self, entries: list[pb.BatchGetRelationshipsEntry], timeout: float
    ) -> Sequence[pb.BatchGetRelationshipsResult]:
        request = pb.BatchGetRelationshipsRequest(entries=entries)
        response: pb.BatchGetRelationshipsResponse = await self._user.call(
            "BatchGetRelationships", request, timeout=timeout, identity=None
        )
        return response.results


class AuthClient:
    """The keys by which internal tokens are verified."""

    def __init__(self, auth: RpcClient) -> None:
        self._auth = auth

    async def signing_keys(self) -> str:
        """A JWKS document. Raises AppError."""
        request = auth_pb.GetSigningKeysRequest()
        response: auth_pb.GetSigningKeysResponse = await self._auth.call(
            "GetSigningKeys", request, timeout=KEYS_SECONDS, idempotent=True, identity=None
        )
        return response.jwks_json
