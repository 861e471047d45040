"""/api/rookery/v1/timelines: homes that begin with what one may care for most."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.compose.for_you import ForYou
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, query_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.conversations import page as page_body
from rookery_common.auth import Identity
from rookery_common.errors import InvalidArgument

SCOPE = "read:statuses"
BASE = "/api/rookery/v1/timelines"
LIMIT, MOST = 20, 40
MAX_CURSOR_CHARS = 1024


class ForYouRoutes:
    """Rankings, by cursors of their own."""

    def __init__(self, for_you: ForYou, exchange: TokenExchange, settings: Settings) -> None:
        self._for_you = for_you
        self._exchange = exchange
        self._settings = settings
        routes = Routes("timelines")
        routes.get(f"{BASE}/for_you", self.for_you, "timelines_for_you", "What the caller may care for, best first")
        routes.get(f"{BASE}/catch_up", self.catch_up, "timelines_catch_up", "The best of what came since then")
        self.router = routes.router

    async def for_you(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = query_params(request)
        params.refuse_others("limit", "cursor")
        return await self._page(caller.identity, "for_you", params, 0)

    async def catch_up(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = query_params(request)
        params.refuse_others("limit", "cursor", "since_id")
        since_id = params.id("since_id") or 0
        if not since_id and "cursor" not in params:
            raise invalid("since_id", "can't be blank", "ERR_BLANK")
        return await self._page(caller.identity, "catch_up", params, since_id)

    async def _page(self, viewer: Identity, name: str, params: Params, since_id: int) -> Response:
        limit = params.integer("limit", 1, MOST) or LIMIT
        cursor = params.text("cursor", MAX_CURSOR_CHARS) or ""
        with cursor_refused("cursor"):
            page = await self._for_you.page(viewer, limit, cursor, since_id=since_id)
        address = f"{self._settings.public_url}{BASE}/{name}?limit={limit}&cursor={page.cursor}"
        link = {"Link": f'<{address}>; rel="next"'} if page.cursor else None
        return json_response(page_body(page.items, page.cursor or None), link)


@contextmanager
def cursor_refused(name: str) -> Iterator[None]:
    """A cursor that is not of the list is named as clients know it."""
    try:
        yield
    except InvalidArgument as error:
        if any(violation.field == "page_token" for violation in error.fields):
            raise invalid(name, "is not of this list, or too old") from None
        raise
