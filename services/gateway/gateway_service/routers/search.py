"""/api/v2/search and /api/v1/accounts/search: what people look for by what they remember of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import SearchNeedsUser
from gateway_service.params import Params, query_params
from gateway_service.routing import Routes, json_array, json_response
from gateway_service.schemas.hashtags import hashtag
from rookery.search.v1.search_service_pb2 import SearchKind, SearchRequest, SearchResponse
from rookery_common.auth import Identity

SEARCH_SECONDS = 3.0
MAX_QUERY_CHARS = 200
PAGE, PAGE_ACCOUNTS, MOST = 20, 40, 40
MOST_OFFSET = 400
ACCOUNTS, STATUSES, HASHTAGS = (
    SearchKind.SEARCH_KIND_ACCOUNTS,
    SearchKind.SEARCH_KIND_STATUSES,
    SearchKind.SEARCH_KIND_HASHTAGS,
)
_TYPES: Mapping[str, SearchKind.ValueType] = {"accounts": ACCOUNTS, "statuses": STATUSES, "hashtags": HASHTAGS}


class Search:
    """Finds accounts, statuses and hashtags; what is found is composed, and so checked again, for the viewer."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("search")
        routes.get("/api/v2/search", self.search, "search", "Accounts, statuses and hashtags")
        routes.get("/api/v1/accounts/search", self.accounts, "accounts_search", "Accounts by name")
        self.router = routes.router

    async def search(self, request: Request) -> Response:
        """Whoever is not signed in is shown accounts and hashtags only, and no further pages."""
        viewer = await self._exchange.viewer(request, "read:search")
        params = query_params(request)
        call = search_request(params, viewer)
        if viewer is None:
            if params.flag("resolve"):
                raise SearchNeedsUser("that resolve remote resources are")
            if params.text("offset"):
                raise SearchNeedsUser("pagination is")
        found = await self._ask(call, viewer) if call.kinds else SearchResponse()
        accounts, statuses = await asyncio.gather(
            self._composer.people(viewer, list(found.account_ids)),
            self._composer.statuses(viewer, list(found.post_ids)),
        )
        url, followed = self._settings.public_url, await self._followed(viewer, found)
        hashtags = [
            hashtag(tag.name, tag.history, url, following=None if followed is None else tag.name in followed)
            for tag in found.hashtags
        ]
        return json_response(
            b'{"accounts":%b,"statuses":%b,"hashtags":%b}' % (_array(accounts), _array(statuses), _array(hashtags))
        )

    async def accounts(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:accounts")
        params = query_params(request)
        call = SearchRequest(
            query=params.required_text("q", MAX_QUERY_CHARS),
            kinds=[ACCOUNTS],
            limit=_limit(params, PAGE_ACCOUNTS),
            offset=params.integer("offset", 0, MOST_OFFSET) or 0,
            following=params.flag("following") or False,
        )
        found = await self._ask(call, caller.identity)
        return json_array(await self._composer.people(caller.identity, list(found.account_ids)))

    async def _followed(self, viewer: Identity | None, found: SearchResponse) -> frozenset[str] | None:
        """Hashtags that the viewer follows, where any were found; None for somebody who is not signed in."""
        if viewer is None or not viewer.account_id or not found.hashtags:
            return None
        return await self._composer.followed_tags(viewer)

    async def _ask(self, call: SearchRequest, viewer: Identity | None) -> SearchResponse:
        found: SearchResponse = await self._clients.search.call(
            "Search", call, timeout=SEARCH_SECONDS, idempotent=True, identity=viewer
        )
        return found


def search_request(params: Params, viewer: Identity | None) -> SearchRequest:
    """What search is asked for: an offset counts where one kind is named, and a stranger searches no statuses."""
    kind = params.choice("type", _TYPES)
    kinds = list(_TYPES.values()) if kind is None else [kind]
    offset = params.integer("offset", 0, MOST_OFFSET) or 0
    return SearchRequest(
        query=params.required_text("q", MAX_QUERY_CHARS),
        kinds=[wanted for wanted in kinds if wanted != STATUSES or viewer is not None],
        limit=_limit(params, PAGE),
        offset=0 if kind is None else offset,
        author_id=params.id("account_id") or 0,
        max_id=params.id("max_id") or 0,
        min_id=params.id("min_id") or 0,
        following=viewer is not None and (params.flag("following") or False),
    )


def _limit(params: Params, usual: int) -> int:
    return min(params.integer("limit", 1, 1_000_000) or usual, MOST)


def _array(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
