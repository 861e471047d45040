"""What decides which posts are in the timeline of a list, asked of the list's owner."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway_service.batched_calls import READ_SECONDS
from gateway_service.clients import Clients
from gateway_service.compose.audience import ListRule
from rookery.user.v1.list_service_pb2 import (
    GetAccountListRequest,
    GetAccountListResponse,
    ListListMembersRequest,
    ListListMembersResponse,
)
from rookery_common.auth import Identity

MAX_MEMBERS: Final = 500


async def list_rule(clients: Clients, viewer: Identity, list_id: int) -> ListRule:
    """Who is on the viewer's list now, and whose replies it shows. Raises NotFound for a list that is not theirs."""
    found: GetAccountListResponse
    on_it: ListListMembersResponse
    found, on_it = await asyncio.gather(
        clients.user.call(
            "GetAccountList",
            GetAccountListRequest(list_id=list_id),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        ),
        clients.user.call(
            "ListListMembers",
            ListListMembersRequest(list_id=list_id, page_size=MAX_MEMBERS),
            timeout=READ_SECONDS,
            idempotent=True,
            identity=viewer,
        ),
    )
    return ListRule(frozenset(on_it.account_ids), found.list.replies_policy)
