"""/api/v1/apps: client applications."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.params import Params, read_params
from gateway_service.push_key import PushKey
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.apps import application, credential_application
from rookery.auth.v1.auth_service_pb2 import CreateAppRequest, GetAppRequest

CALL_SECONDS = 5.0
MAX_URI_CHARS = 2048
MAX_SCOPE_CHARS = 2000


class Apps:
    """Registers applications, and tells one what it is."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings, push_key: PushKey) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._push_key = push_key
        routes = Routes("apps")
        routes.post("/api/v1/apps", self.create, "apps_create", "Register a client application")
        routes.get("/api/v1/apps/verify_credentials", self.verify, "apps_verify_credentials", "The token's application")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        params = await read_params(request, self._settings.max_body_bytes)
        call = CreateAppRequest(
            name=params.text("client_name", 200) or "",
            redirect_uris=read_redirect_uris(params),
            scopes=read_scopes(params, "scopes"),
            website=params.text("website", MAX_URI_CHARS) or "",
        )
        answer = await self._clients.auth.call("CreateApp", call, timeout=CALL_SECONDS)
        return json_response(credential_application(answer.app, answer.client_secret, await self._push_key.get()))

    async def verify(self, request: Request) -> Response:
        caller = await self._exchange.require(request)
        answer = await self._clients.auth.call(
            "GetApp", GetAppRequest(), timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(orjson.dumps(application(answer.app, await self._push_key.get())))


def read_redirect_uris(params: Params) -> list[str]:
    """A list, or one text with an address on each line."""
    return [uri for text in params.texts("redirect_uris", MAX_URI_CHARS * 4) for uri in text.split()]


def read_scopes(params: Params, name: str) -> list[str]:
    """Separated by blanks, or by the pluses of a query that was encoded twice; each once."""
    text = params.text(name, MAX_SCOPE_CHARS) or ""
    return list(dict.fromkeys(text.replace("+", " ").split()))
