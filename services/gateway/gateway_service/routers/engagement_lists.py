"""/api/v1/favourites, /api/v1/bookmarks, and who favoured and reblogged a status."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.audience import why_not_listed
from gateway_service.config import Settings
from gateway_service.paging import link_header
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array, path_id
from rookery.post.v1.engagement_service_pb2 import (
    EngagementKind,
    ListBookmarksRequest,
    ListBookmarksResponse,
    ListEngagedAccountsRequest,
    ListFavouritesRequest,
    ListFavouritesResponse,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
PAGE_STATUSES, MOST_STATUSES = 20, 40
PAGE_ACCOUNTS, MOST_ACCOUNTS = 40, 80
FAVOURITE, REBLOG = EngagementKind.ENGAGEMENT_KIND_FAVOURITE, EngagementKind.ENGAGEMENT_KIND_REBLOG


class EngagementLists:
    """Lists what the caller has marked, and who has marked a status."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("statuses")
        routes.get("/api/v1/favourites", self.favourites, "favourites_list", "What the caller favours")
        routes.get("/api/v1/bookmarks", self.bookmarks, "bookmarks_list", "What the caller has bookmarked")
        base = "/api/v1/statuses/{id}"
        routes.get(f"{base}/favourited_by", self.favourited_by, "statuses_favourited_by", "Who favours a status")
        routes.get(f"{base}/reblogged_by", self.reblogged_by, "statuses_reblogged_by", "Who reblogged a status")
        self.router = routes.router

    async def favourites(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:favourites")
        page = query_params(request).page(PAGE_STATUSES, MOST_STATUSES)
        call = ListFavouritesRequest(
            page_size=page.limit, max_id=page.max_id or 0, min_id=page.min_id or 0, since_id=page.since_id or 0
        )
        answer = await self._clients.post.call(
            "ListFavourites", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return await self._marked(request, caller.identity, answer)

    async def bookmarks(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:bookmarks")
        page = query_params(request).page(PAGE_STATUSES, MOST_STATUSES)
        call = ListBookmarksRequest(
            page_size=page.limit, max_id=page.max_id or 0, min_id=page.min_id or 0, since_id=page.since_id or 0
        )
        answer = await self._clients.post.call(
            "ListBookmarks", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return await self._marked(request, caller.identity, answer)

    async def favourited_by(self, request: Request) -> Response:
        return await self._engaged(request, FAVOURITE)

    async def reblogged_by(self, request: Request) -> Response:
        return await self._engaged(request, REBLOG)

    async def _marked(
        self, request: Request, viewer: Identity, answer: ListFavouritesResponse | ListBookmarksResponse
    ) -> Response:
        """The ends of the page as post gave it, also where not all of it may be shown any more."""
        posts = answer.posts
        from_below = bool(query_params(request).id("min_id"))
        older = (posts[-1].mark_id if posts else 0) if from_below else answer.reached_id
        newer = posts[0].mark_id if posts else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=newer or None)
        return json_array(await self._composer.statuses(viewer, [each.post_id for each in posts]), link)

    async def _engaged(self, request: Request, kind: EngagementKind.ValueType) -> Response:
        """Places in the list travel as ids: clients take them from the Link header and hand them back as they are."""
        viewer = await self._exchange.viewer(request, "read:statuses")
        post_id, page = path_id(request), query_params(request).page(PAGE_ACCOUNTS, MOST_ACCOUNTS)
        await self._composer.status(viewer, post_id)  # Not found, if the viewer is not shown it.
        call = ListEngagedAccountsRequest(
            post_id=post_id,
            kind=kind,
            page_size=page.limit,
            after_account_id=page.max_id or 0,
            before_account_id=page.min_id or 0,
            until_account_id=page.since_id or 0,
        )
        answer = await self._clients.post.call(
            "ListEngagedAccounts", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
        )
        older, newer = answer.reached_id or None, answer.ahead_id or None
        link = link_header(self._settings.public_url, request, older=older, newer=newer)
        return json_array(await self._composer.accounts(viewer, await self._shown(viewer, answer.account_ids)), link)

    async def _shown(self, viewer: Identity | None, account_ids: Sequence[int]) -> list[int]:
        """Without those whom the viewer blocks, or who block the viewer."""
        if viewer is None or not viewer.account_id or not account_ids:
            return list(account_ids)
        others = [account_id for account_id in account_ids if account_id != viewer.account_id]
        relations = await self._clients.batch_get_relations(viewer, others)
        return [number for number in account_ids if why_not_listed(viewer.account_id, number, relations) is None]
