"""/api/v1/timelines: the home."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.paging import link_header
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array

LIMIT, MOST = 20, 40


class Timelines:
    """Lists of statuses by time."""

    def __init__(self, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("timelines")
        routes.get("/api/v1/timelines/home", self.home, "timelines_home", "Statuses of those whom the caller follows")
        self.router = routes.router

    async def home(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        asked = query_params(request).page(LIMIT, MOST)
        page = await self._composer.home(caller.identity, asked)
        # Below a page that was asked for from below there is at least what it was asked from.
        older = page.last_id if page.more or asked.min_id is not None else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=page.first_id or None)
        return json_array(page.items, link)
