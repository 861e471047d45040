"""The key that push subscriptions are made with, as notification tells it."""

from __future__ import annotations

from gateway_service import degradation
from gateway_service.clients import Clients
from gateway_service.remembered import Remembered
from rookery.notification.v1.push_service_pb2 import GetPushKeyRequest
from rookery_common.clock import Clock

# It never changes.
KEPT_SECONDS = 3600.0
CALL_SECONDS = 1.0


class PushKey:
    """Asked for once an hour; empty until it was told once."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._key = Remembered(self._ask, "", clock, seconds=KEPT_SECONDS, fallback=degradation.PUSH_KEY)

    async def get(self) -> str:
        """base64url of its point."""
        return await self._key.get()

    async def _ask(self) -> str:
        answer = await self._clients.notification.call(
            "GetPushKey", GetPushKeyRequest(), timeout=CALL_SECONDS, idempotent=True
        )
        return str(answer.public_key)
