"""What clients ask for and there is none of yet, or never will be: told truthfully by an empty answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.routing import Routes, json_array, json_response

Endpoint = Callable[[Request], Awaitable[Response]]


class Empty:
    """Nobody can announce anything here yet, and no other domain is ever spoken to."""

    def __init__(self, exchange: TokenExchange) -> None:
        self._exchange = exchange
        routes = Routes("empty")
        own: tuple[tuple[str, str, str, str], ...] = (
            ("/api/v1/announcements", "announcements_list", "read:accounts", "What the community announces"),
            ("/api/v1/domain_blocks", "domain_blocks_list", "read:blocks", "Domains that the caller blocks"),
        )
        for path, name, scope, summary in own:
            routes.get(path, self._own(scope), name, summary)
        routes.get("/api/v1/instance/domain_blocks", self.blocked, "instance_domain_blocks", "Domains that are blocked")
        routes.get(
            "/api/v1/instance/translation_languages", self.languages, "instance_translations", "What is translated"
        )
        self.router = routes.router

    async def blocked(self, _request: Request) -> Response:
        return json_array([])

    async def languages(self, _request: Request) -> Response:
        return json_response(b"{}")

    def _own(self, scope: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            await self._exchange.require_user(request, scope)
            return json_array([])

        return answer
