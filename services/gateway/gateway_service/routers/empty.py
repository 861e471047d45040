"""What clients ask for and there is none of yet, or never will be: told truthfully by an empty answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.compose import Composer
from gateway_service.routing import Routes, json_array, json_response, path_id

Endpoint = Callable[[Request], Awaitable[Response]]


class Empty:
    """Nobody can announce or endorse anything here yet, and no other domain is ever spoken to."""

    def __init__(self, composer: Composer, exchange: TokenExchange) -> None:
        self._composer = composer
        self._exchange = exchange
        routes = Routes("empty")
        own: tuple[tuple[str, str, str, str], ...] = (
            ("/api/v1/announcements", "announcements_list", "read:accounts", "What the community announces"),
            ("/api/v1/endorsements", "endorsements_list", "read:accounts", "Whom the caller endorses"),
            ("/api/v1/domain_blocks", "domain_blocks_list", "read:blocks", "Domains that the caller blocks"),
        )
        for path, name, scope, summary in own:
            routes.get(path, self._own(scope), name, summary)
        routes.get("/api/v1/accounts/{id}/endorsements", self.of, "accounts_endorsements", "Whom an account endorses")
        routes.get("/api/v1/instance/domain_blocks", self.blocked, "instance_domain_blocks", "Domains that are blocked")
        routes.get(
            "/api/v1/instance/translation_languages", self.languages, "instance_translations", "What is translated"
        )
        self.router = routes.router

    async def of(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:accounts")
        await self._composer.account(viewer, path_id(request))  # Not found, if there is no such account.
        return json_array([])

    async def blocked(self, _request: Request) -> Response:
        return json_array([])

    async def languages(self, _request: Request) -> Response:
        return json_response(b"{}")

    def _own(self, scope: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            await self._exchange.require_user(request, scope)
            return json_array([])

        return answer
