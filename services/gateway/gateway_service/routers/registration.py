"""/oauth/register: clients that register themselves (RFC 7591)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import JSON
from gateway_service.params import Params, read_params
from gateway_service.routers.apps import MAX_URI_CHARS, read_redirect_uris, read_scopes
from gateway_service.routers.oauth import oauth_answer, oauth_error
from gateway_service.routing import Routes
from gateway_service.schemas.apps import registered_client
from rookery.auth.v1.auth_service_pb2 import CreateAppRequest
from rookery_common.errors import AppError, InvalidArgument

CALL_SECONDS = 5.0
MAX_NAME_CHARS = 200
DEFAULT_GRANTS = ("authorization_code",)
_FIELDS = {"website": "client_uri", "scopes": "scope"}


class Registration:
    """The same apps as those of /api/v1/apps, in OAuth2's own words; here they may ask for refresh tokens."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        routes = Routes("oauth")
        routes.post("/oauth/register", self.create, "oauth_register", "Register a client")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        try:
            call = client_metadata(await read_params(request, self._settings.max_body_bytes, query=False))
            answer = await self._clients.auth.call("CreateApp", call, timeout=CALL_SECONDS)
        except InvalidArgument as error:
            return _refusal(error)
        except AppError as error:
            return oauth_error(error)
        return Response(registered_client(answer.app, answer.client_secret), 201, None, JSON)


def client_metadata(params: Params) -> CreateAppRequest:
    """What the client says of itself; what we do not know of is left out (RFC 7591, 2). Raises InvalidArgument."""
    for kind in params.texts("response_types", MAX_NAME_CHARS):
        if kind != "code":
            raise InvalidArgument("response_types must be code")
    return CreateAppRequest(
        name=params.text("client_name", MAX_NAME_CHARS) or "",
        redirect_uris=read_redirect_uris(params),
        scopes=read_scopes(params, "scope"),
        website=params.text("client_uri", MAX_URI_CHARS) or "",
        grant_types=params.texts("grant_types", MAX_NAME_CHARS) or DEFAULT_GRANTS,
        token_endpoint_auth_method=params.text("token_endpoint_auth_method", MAX_NAME_CHARS) or "",
    )


def _refusal(error: InvalidArgument) -> Response:
    """RFC 7591's codes; fields by the names that the client knows them by."""
    named = [(_FIELDS.get(each.field, each.field), each.description) for each in error.fields]
    code = "invalid_redirect_uri" if named and named[0][0] == "redirect_uris" else "invalid_client_metadata"
    return oauth_answer(400, code, ", ".join(f"{name} {why}" for name, why in named) or error.message, {})
