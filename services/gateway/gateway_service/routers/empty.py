"""What clients ask for and there is none of yet, or never will be: told truthfully by an empty answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.routing import Routes, json_array, json_response


class Empty:
    """No other domain is ever spoken to."""

    def __init__(self, exchange: TokenExchange) -> None:
        self._exchange = exchange
        routes = Routes("empty")
        routes.get("/api/v1/domain_blocks", self.own, "domain_blocks_list", "Domains that the caller blocks")
        routes.get("/api/v1/instance/domain_blocks", self.blocked, "instance_domain_blocks", "Domains that are blocked")
        routes.get(
            "/api/v1/instance/translation_languages", self.languages, "instance_translations", "What is translated"
        )
        self.router = routes.router

    async def blocked(self, _request: Request) -> Response:
        return json_array([])

    async def languages(self, _request: Request) -> Response:
        return json_response(b"{}")

    async def own(self, request: Request) -> Response:
        await self._exchange.require_user(request, "read:blocks")
        return json_array([])
