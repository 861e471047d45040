"""What messaging asks of others: who exists, who blocks whom, which keys verify a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rookery.auth.v1 import auth_service_pb2 as auth_pb
from rookery.user.v1 import user_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.rpc.batching import Batcher
from rookery_common.rpc.client import RpcClient

KEYS_SECONDS: Final = 2.0
USER_SECONDS: Final = 2.0


class UserClient:
    """Accounts and blocks, asked for as the caller. Raises AppError."""

    def __init__(self, user: RpcClient) -> None:
        self._user = user
        self._accounts: Batcher[pb.BatchGetAccountsEntry, pb.BatchGetAccountsResult] = Batcher(
            self._send_accounts, name="messaging.accounts"
        )
        self._relationships: Batcher[pb.BatchGetRelationshipsEntry, pb.BatchGetRelationshipsResult] = Batcher(
            self._send_relationships, name="messaging.relationships"
        )

    async def existing(self, caller: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        """Those of the ids that are accounts."""
        queries = [pb.AccountQuery(account_id=account_id) for account_id in account_ids]
        entry = pb.BatchGetAccountsEntry(accounts=queries)
        result = await self._accounts(entry, timeout=USER_SECONDS, identity=caller)
        return frozenset(view.account_id for view in result.accounts)

    async def unblocked(self, caller: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        """Those of whom it is known that neither they nor the caller blocks the other."""
        entry = pb.BatchGetRelationshipsEntry(account_ids=account_ids)
        result = await self._relationships(entry, timeout=USER_SECONDS, identity=caller)
        return frozenset(
            relation.account_id
            for relation in result.relationships
            if not relation.blocking and not relation.blocked_by
        )

    async def _send_accounts(
        self, entries: list[pb.BatchGetAccountsEntry], timeout: float
    ) -> Sequence[pb.BatchGetAccountsResult]:
        request = pb.BatchGetAccountsRequest(entries=entries)
        response: pb.BatchGetAccountsResponse = await self._user.call(
            "BatchGetAccounts", request, timeout=timeout, identity=None
        )
        return response.results

    async def _send_relationships(
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
