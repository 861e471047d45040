"""/api/v1/statuses/:id/quotes and /interaction_policy: who quotes a status, and who may."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.facts import Facts
from gateway_service.compose.quotes import POLICIES
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound, invalid
from gateway_service.paging import link_header
from gateway_service.params import query_params, read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from rookery.post.v1.quote_service_pb2 import ListQuotesRequest, RevokeQuoteRequest, SetQuotePolicyRequest
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
PAGE_STATUSES, MOST_STATUSES = 20, 40


class Quotes:
    """Lists quotes, and lets authors decide about them."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes, base = Routes("statuses"), "/api/v1/statuses/{id}"
        routes.get(f"{base}/quotes", self.list, "statuses_quotes", "Who quotes a status")
        revoke = f"{base}/quotes/{{quoting_status_id}}/revoke"
        routes.post(revoke, self.revoke, "statuses_revoke_quote", "Take a status away from one that quotes it")
        policy = f"{base}/interaction_policy"
        routes.put(policy, self.set_policy, "statuses_interaction_policy", "Say who may quote a status")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        post_id, page = path_id(request), query_params(request).page(PAGE_STATUSES, MOST_STATUSES)
        await self._composer.status(caller.identity, post_id)  # Not found, if the caller is not shown it.
        call = ListQuotesRequest(
            post_id=post_id,
            page_size=page.limit,
            max_id=page.max_id or 0,
            min_id=page.min_id or 0,
            since_id=page.since_id or 0,
        )
        answer = await self._call(caller.identity, "ListQuotes", call)
        found = [quote.post_id for quote in answer.quotes]
        older = (found[-1] if found else 0) if page.min_id else answer.reached_id
        newer = found[0] if found else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        return json_array(await self._composer.statuses(caller.identity, found), link)

    async def revoke(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        quoting_id = path_id(request, "quoting_status_id")
        call = RevokeQuoteRequest(post_id=path_id(request), quoting_post_id=quoting_id)
        before = await self._before(caller.identity, quoting_id)
        answer = await self._call(caller.identity, "RevokeQuote", call)
        if before is None:
            raise RecordNotFound
        return json_response(await self._composer.made(caller.identity, answer.post, before))

    async def _before(self, viewer: Identity, quoting_id: int) -> Facts | None:
        """Also whom the quoting account has blocked takes a post away from it, without being shown what is left."""
        try:
            return await self._composer.before(viewer, quoting_id)
        except RecordNotFound:
            return None

    async def set_policy(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        policy = params.choice("quote_approval_policy", POLICIES)
        if policy is None:
            raise invalid("quote_approval_policy", "can't be blank", "ERR_BLANK")
        before = await self._composer.before(caller.identity, post_id)
        call = SetQuotePolicyRequest(post_id=post_id, quote_policy=policy)
        answer = await self._call(caller.identity, "SetQuotePolicy", call)
        return json_response(await self._composer.made(caller.identity, answer.post, before))

    async def _call(self, identity: Identity, method: str, call: Any) -> Any:
        return await self._clients.post.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=identity)
