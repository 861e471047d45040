"""What this API is: the OpenAPI document for machines, and a page for people; both are made by `make docs`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.fixed import Fixed
from gateway_service.routing import Routes

CACHED_SECONDS = 300
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"


class Reference:
    """Serves the files of this package, read once."""

    def __init__(self) -> None:
        self._document, self._page = _document(), _page()
        routes = Routes("reference")
        routes.get("/openapi.json", self.document, "openapi_get", "This document")
        routes.get(
            "/api/rookery/v1/openapi.json", self.document, "openapi_get_v1", "This document, beside our own routes"
        )
        routes.get("/docs", self.page, "reference_page", "This document, for people")
        self.router = routes.router

    async def document(self, request: Request) -> Response:
        return await self._document(request)

    async def page(self, request: Request) -> Response:
        return await self._page(request)


@cache
def _document() -> Fixed:
    """Written for those who review it line by line, sent without what only they need."""
    document = orjson.dumps(orjson.loads((files("gateway_service") / "openapi.json").read_bytes()))
    return Fixed(document, seconds=CACHED_SECONDS)


@cache
def _page() -> Fixed:
    page = (files("gateway_service") / "reference.html").read_bytes()
    return Fixed(page, "text/html; charset=utf-8", seconds=CACHED_SECONDS, headers={"content-security-policy": _POLICY})
