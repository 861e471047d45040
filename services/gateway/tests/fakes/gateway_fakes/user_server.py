"""User: accounts and what they are to one another, as a world has them, over gRPC."""

from __future__ import annotations

from typing import Any

from rookery.user.v1 import user_service_pb2, user_service_pb2_grpc
from rookery_common.auth import Identity
from rookery_common.rpc import serve_batch


class UserServer(user_service_pb2_grpc.UserServiceServicer):
    """Batches, each entry as its own caller."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def BatchGetAccounts(self, request: Any, context: Any) -> Any:
        async def handle(live: Any) -> list[Any]:
            return [self._accounts(entry) for _, entry, _ in live]

        kind = user_service_pb2.BatchGetAccountsResult
        results = await serve_batch(request.entries, self._world.tokens.verifier, handle, kind)
        return user_service_pb2.BatchGetAccountsResponse(results=results)

    def _accounts(self, entry: Any) -> Any:
        self._world.note("BatchGetAccounts", [query.account_id for query in entry.accounts])
        result = user_service_pb2.BatchGetAccountsResult()
        for query in entry.accounts:
            account = self._world.accounts.get(query.account_id)
            if account is not None:
                counts = self._world.counts.get(query.account_id)
                known = query.known_version == account.version
                result.accounts.add(
                    account_id=query.account_id,
                    version=account.version,
                    account=None if known else account,
                    counts=counts,
                )
        return result

    async def BatchGetRelationships(self, request: Any, context: Any) -> Any:
        async def handle(live: Any) -> list[Any]:
            return [self._relationships(entry, identity) for _, entry, identity in live]

        kind = user_service_pb2.BatchGetRelationshipsResult
        results = await serve_batch(request.entries, self._world.tokens.verifier, handle, kind)
        return user_service_pb2.BatchGetRelationshipsResponse(results=results)

    def _relationships(self, entry: Any, identity: Identity) -> Any:
        self._world.note("BatchGetRelationships", sorted(entry.account_ids))
        known = (self._world.relationships.get((identity.account_id, other)) for other in entry.account_ids)
        epoch = self._world.epochs.get(identity.account_id, b"")
        found = [each for each in known if each]
        return user_service_pb2.BatchGetRelationshipsResult(relationships=found, viewer_epoch=epoch)
