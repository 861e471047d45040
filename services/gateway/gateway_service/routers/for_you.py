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
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.conversations import page as page_body
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
        self.router = routes.router

    async def for_you(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = query_params(request)
        params.refuse_others("limit", "cursor")
        limit = params.integer("limit", 1, MOST) or LIMIT
        with cursor_refused():
            page = await self._for_you.page(caller.identity, limit, params.text("cursor", MAX_CURSOR_CHARS) or "")
        address = f"{self._settings.public_url}{BASE}/for_you?limit={limit}&cursor={page.cursor}"
        link = {"Link": f'<{address}>; rel="next"'} if page.cursor else None
        return json_response(page_body(page.items, page.cursor or None), link)


@contextmanager
def cursor_refused() -> Iterator[None]:
    """A cursor that is not of the list is named as clients know it."""
    try:
        yield
    except InvalidArgument as error:
        if any(violation.field == "page_token" for violation in error.fields):
            raise invalid("cursor", "is not of this list, or too old") from None
        raise
