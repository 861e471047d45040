"""How large and how lively the community is, as user and analytics count it, for everybody."""

from __future__ import annotations

from gateway_service import degradation
from gateway_service.clients import Clients
from gateway_service.remembered import Remembered
from gateway_service.schemas.instance import Size
from rookery.analytics.v1.analytics_service_pb2 import ListActivityRequest
from rookery.user.v1.directory_service_pb2 import GetCommunityCountsRequest
from rookery_common.clock import Clock

SIZE_SECONDS, ACTIVE_SECONDS = 10.0, 60.0
CALL_SECONDS = 1.0


class Community:
    """What was told in the last ten seconds (of who is active: eleven minutes); 0 until it was told once."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        without = degradation.COUNTS
        self._size = Remembered(self._ask_size, Size(), clock, seconds=SIZE_SECONDS, fallback=without)
        self._active = Remembered(self._ask_active, 0, clock, seconds=ACTIVE_SECONDS, fallback=without)

    async def size(self) -> Size:
        """Of all that there is."""
        return await self._size.get()

    async def active_month(self) -> int:
        """Different accounts that did something in the last 30 days."""
        return await self._active.get()

    async def _ask_size(self) -> Size:
        answer = await self._clients.user.call(
            "GetCommunityCounts", GetCommunityCountsRequest(), timeout=CALL_SECONDS, idempotent=True
        )
        return Size(answer.accounts, answer.statuses)

    async def _ask_active(self) -> int:
        answer = await self._clients.analytics.call(
            "ListActivity", ListActivityRequest(), timeout=CALL_SECONDS, idempotent=True
        )
        return int(answer.month_active_accounts)
