"""Blocks, mutes, requests to follow, and followers who are removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.lists import cursor_refused, list_page
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.relationships import muted_account, relationship
from rookery.user.v1.relationship_service_pb2 import (
    AuthorizeFollowRequestRequest,
    BlockAccountRequest,
    ListBlocksRequest,
    ListFollowRequestsRequest,
    ListMutesRequest,
    MuteAccountRequest,
    RejectFollowRequestRequest,
    RemoveFollowerRequest,
    UnblockAccountRequest,
    UnmuteAccountRequest,
)

CALL_SECONDS = 5.0
# Ten years; what is meant to last longer has no end.
MAX_MUTE_SECONDS = 3650 * 86_400
Endpoint = Callable[[Request], Awaitable[Response]]
BASE, REQUESTS = "/api/v1/accounts/{id}", "/api/v1/follow_requests"
# Path, name, RPC and its message, scope, summary.
ACTS: tuple[tuple[str, str, str, type[Any], str, str], ...] = (
    (f"{BASE}/block", "accounts_block", "BlockAccount", BlockAccountRequest, "write:blocks", "Block an account"),
    (
        f"{BASE}/unblock",
        "accounts_unblock",
        "UnblockAccount",
        UnblockAccountRequest,
        "write:blocks",
        "Take a block back",
    ),
    (f"{BASE}/unmute", "accounts_unmute", "UnmuteAccount", UnmuteAccountRequest, "write:mutes", "Take a mute back"),
    (
        f"{BASE}/remove_from_followers",
        "accounts_remove_follower",
        "RemoveFollower",
        RemoveFollowerRequest,
        "write:follows",
        "End an account's follow of the caller",
    ),
    (
        f"{REQUESTS}/{{id}}/authorize",
        "follow_requests_authorize",
        "AuthorizeFollowRequest",
        AuthorizeFollowRequestRequest,
        "write:follows",
        "Let an account follow that asks to",
    ),
    (
        f"{REQUESTS}/{{id}}/reject",
        "follow_requests_reject",
        "RejectFollowRequest",
        RejectFollowRequestRequest,
        "write:follows",
        "Don't let an account follow that asks to",
    ),
)


class Relationships:
    """Changes what the caller is to others beside following, and lists it."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("accounts")
        for path, name, method, kind, scope, summary in ACTS:
            routes.post(path, self._act(method, kind, scope), name, summary)
        routes.post(f"{BASE}/mute", self.mute, "accounts_mute", "Mute an account")
        routes.get("/api/v1/blocks", self.blocks, "blocks_list", "Whom the caller blocks")
        routes.get("/api/v1/mutes", self.mutes, "mutes_list", "Whom the caller mutes")
        routes.get(REQUESTS, self.follow_requests, "follow_requests_list", "Who asks to follow the caller")
        self.router = routes.router

    async def mute(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:mutes")
        call = mute_request(path_id(request), await read_params(request, self._settings.max_body_bytes))
        answer = await self._clients.user.call(
            "MuteAccount", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(relationship(answer.relationship))

    async def blocks(self, request: Request) -> Response:
        return await self._list(request, "read:blocks", "ListBlocks", ListBlocksRequest)

    async def follow_requests(self, request: Request) -> Response:
        return await self._list(request, "read:follows", "ListFollowRequests", ListFollowRequestsRequest)

    async def mutes(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:mutes")
        size, token = list_page(query_params(request))
        call = ListMutesRequest(page_size=size, page_token=token)
        with cursor_refused():
            answer = await self._clients.user.call(
                "ListMutes", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
        bodies = await self._composer.accounts_by_id(caller.identity, [each.account_id for each in answer.accounts])
        muted = [muted_account(bodies[each.account_id], each) for each in answer.accounts if each.account_id in bodies]
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        return json_array(muted, link)

    async def _list(self, request: Request, scope: str, method: str, kind: type[Any]) -> Response:
        caller = await self._exchange.require_user(request, scope)
        size, token = list_page(query_params(request))
        call = kind(page_size=size, page_token=token)
        with cursor_refused():
            answer = await self._clients.user.call(
                method, call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        return json_array(await self._composer.accounts(caller.identity, list(answer.account_ids)), link)

    def _act(self, method: str, kind: type[Any], scope: str) -> Endpoint:
        """An endpoint that answers what the caller is to the account after the call."""

        async def act(request: Request) -> Response:
            caller = await self._exchange.require_user(request, scope)
            call = kind(account_id=path_id(request))
            answer = await self._clients.user.call(
                method, call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
            return json_response(relationship(answer.relationship))

        return act


def mute_request(account_id: int, params: Params) -> MuteAccountRequest:
    """Notifications are muted too unless it is said otherwise; no duration, or 0, is for good."""
    call = MuteAccountRequest(account_id=account_id, notifications=params.flag("notifications"))
    seconds = params.integer("duration", 0, MAX_MUTE_SECONDS)
    if seconds:
        call.duration.CopyFrom(Duration(seconds=seconds))
    return call
