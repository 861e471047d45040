"""What analytics asks of others: which keys verify a token."""

from __future__ import annotations

from typing import Final

from rookery.auth.v1 import auth_service_pb2 as pb
from rookery_common.rpc.client import RpcClient

KEYS_SECONDS: Final = 2.0


class AuthClient:
    """The keys by which internal tokens are verified."""

    def __init__(self, auth: RpcClient) -> None:
        self._auth = auth

    async def signing_keys(self) -> str:
        """A JWKS document. Raises AppError."""
        response: pb.GetSigningKeysResponse = await self._auth.call(
            "GetSigningKeys", pb.GetSigningKeysRequest(), timeout=KEYS_SECONDS, idempotent=True, identity=None
        )
        return response.jwks_json
