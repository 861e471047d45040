"""/api/rookery/v1/sessions: where an account is signed in, for apps that were allowed to see it, and to end it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_response, path_id
from gateway_service.schemas.sessions import ended, sessions
from rookery.auth.v1.account_service_pb2 import ListSessionsRequest, RevokeOtherSessionsRequest, RevokeSessionRequest

# No other scope covers it: what reads one's posts need not know where one is.
SCOPE = "sessions"
CALL_SECONDS = 5.0
PATH = "/api/rookery/v1/sessions"


class AccountSessions:
    """Lists the sessions of the token's account, of browsers and of apps, and ends them."""

    def __init__(self, clients: Clients, exchange: TokenExchange) -> None:
        self._clients = clients
        self._exchange = exchange
        routes = Routes("sessions")
        routes.get(PATH, self.list, "sessions_list", "Where the account is signed in, the session used last first")
        routes.delete(PATH, self.end_others, "sessions_end_all_others", "Sign out everywhere else")
        routes.delete(PATH + "/{id}", self.end, "sessions_end_one", "Sign out there")
        self.router = routes.router

    async def list(self, request: Request) -> Response:
        return json_response(sessions((await self._call(request, ListSessionsRequest())).sessions))

    async def end(self, request: Request) -> Response:
        await self._call(request, RevokeSessionRequest(session_id=path_id(request)))
        return json_response(b"{}")

    async def end_others(self, request: Request) -> Response:
        return json_response(ended((await self._call(request, RevokeOtherSessionsRequest())).revoked))

    async def _call(self, request: Request, message: Any) -> Any:
        caller = await self._exchange.require_user(request, SCOPE)
        query_params(request).refuse_others()
        method = type(message).__name__.removesuffix("Request")
        return await self._clients.auth.call(method, message, timeout=CALL_SECONDS, identity=caller.identity)
