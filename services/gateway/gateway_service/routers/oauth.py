"""/oauth: tokens, and how clients find out where to get them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import JSON, REALM, error_headers, http_status
from gateway_service.params import Params, read_params
from gateway_service.routers.apps import MAX_URI_CHARS, read_scopes
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.apps import introspection, token
from gateway_service.schemas.credentials import userinfo
from gateway_service.schemas.scopes import SCOPES
from rookery.auth.v1.auth_service_pb2 import CreateTokenRequest, IntrospectTokenRequest, RevokeTokenRequest
from rookery_common.errors import AppError, Internal, InvalidArgument, PermissionDenied

CALL_SECONDS = 5.0
MAX_CHARS = 1000
SECRET_METHODS = ["client_secret_basic", "client_secret_post"]
_UNAVAILABLE = frozenset({429, 503})
# RFC 6749, section 5.2.
_STATUS_BY_CODE: Mapping[str, int] = {
    "invalid_client": 401,
    "invalid_grant": 400,
    "invalid_request": 400,
    "invalid_scope": 400,
    "unauthorized_client": 400,
    "unsupported_grant_type": 400,
}


class OAuth:
    """The OAuth2 endpoints that programs talk to; their errors have RFC 6749's form."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        self._metadata = orjson.dumps(server_metadata(settings.public_url))
        routes = Routes("oauth")
        routes.post("/oauth/token", self.create, "oauth_token", "Get a token")
        routes.post("/oauth/revoke", self.revoke, "oauth_revoke", "Give a token back")
        routes.post("/oauth/introspect", self.introspect, "oauth_introspect", "What a token of one's own stands for")
        routes.get("/oauth/userinfo", self.userinfo, "oauth_userinfo", "Who the token's user is")
        routes.get(
            "/.well-known/oauth-authorization-server",
            self.metadata,
            "oauth_metadata",
            "Where the endpoints are",
        )
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        try:
            params = await read_params(request, self._settings.max_body_bytes, query=False)
            call = token_request(params, *client_credentials(request, params))
            answer = await self._clients.auth.call("CreateToken", call, timeout=CALL_SECONDS)
        except AppError as error:
            return oauth_error(error)
        return json_response(token(answer.token))

    async def revoke(self, request: Request) -> Response:
        try:
            params = await read_params(request, self._settings.max_body_bytes, query=False)
            client_id, client_secret = client_credentials(request, params)
            opaque = params.text("token", MAX_CHARS) or ""
            if not opaque:
                return _refuse_revocation()
            call = RevokeTokenRequest(token=opaque, client_id=client_id, client_secret=client_secret)
            await self._clients.auth.call("RevokeToken", call, timeout=CALL_SECONDS, idempotent=True)
        except PermissionDenied:
            return _refuse_revocation()
        except AppError as error:
            return oauth_error(error)
        self._exchange.forget_token(opaque)
        return json_response(b"{}")

    async def introspect(self, request: Request) -> Response:
        """RFC 7662, for the client that the token was given to."""
        try:
            params = await read_params(request, self._settings.max_body_bytes, query=False)
            client_id, client_secret = client_credentials(request, params)
            call = IntrospectTokenRequest(
                token=params.text("token", MAX_CHARS) or "", client_id=client_id, client_secret=client_secret
            )
            answer = await self._clients.auth.call("IntrospectToken", call, timeout=CALL_SECONDS, idempotent=True)
        except AppError as error:
            return oauth_error(error)
        return json_response(introspection(answer, client_id, issuer(self._settings.public_url)))

    async def userinfo(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "profile")
        account = await self._composer.account(caller.identity, caller.identity.account_id)
        return json_response(userinfo(account, issuer(self._settings.public_url)))

    async def metadata(self, _request: Request) -> Response:
        return json_response(self._metadata)


def token_request(params: Params, client_id: str, client_secret: str) -> CreateTokenRequest:
    """What auth decides on."""
    return CreateTokenRequest(
        grant_type=params.text("grant_type", 100) or "",
        client_id=client_id,
        client_secret=client_secret,
        code=params.text("code", MAX_CHARS) or "",
        redirect_uri=params.text("redirect_uri", MAX_URI_CHARS) or "",
        code_verifier=params.text("code_verifier", 200) or "",
        scopes=read_scopes(params, "scope"),
        refresh_token=params.text("refresh_token", MAX_CHARS) or "",
    )


def client_credentials(request: Request, params: Params) -> tuple[str, str]:
    """By HTTP Basic or in the body. Raises InvalidArgument if the header is malformed."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return params.text("client_id", MAX_CHARS) or "", params.text("client_secret", MAX_CHARS) or ""
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidArgument("The Authorization header is malformed") from None
    return unquote_plus(client_id), unquote_plus(secret)


def oauth_error(error: AppError) -> Response:
    """RFC 6749's form of what auth refused."""
    if isinstance(error, Internal):
        raise error
    code, status = error.reason.lower(), http_status(error)
    if status in _UNAVAILABLE:
        code = "temporarily_unavailable"
    elif code in _STATUS_BY_CODE:
        status = _STATUS_BY_CODE[code]
    else:
        code, status = "invalid_request", 400 if status == 422 else status
    headers = error_headers(error, status)
    if status == 401:
        headers["WWW-Authenticate"] = f'Basic realm="{REALM}"'
    return oauth_answer(status, code, error.message, headers)


def _refuse_revocation() -> Response:
    return oauth_answer(403, "unauthorized_client", "You are not authorized to revoke this token", {})


def oauth_answer(status: int, code: str, description: str, headers: dict[str, str]) -> Response:
    """A refusal in the form that RFC 6749 and those that follow it share."""
    return Response(orjson.dumps({"error": code, "error_description": description}), status, headers, JSON)


def issuer(public_url: str) -> str:
    """This server's name in OAuth2."""
    return public_url + "/"


def server_metadata(public_url: str) -> dict[str, object]:
    """RFC 8414, with Mastodon's additions."""
    return {
        "issuer": issuer(public_url),
        "service_documentation": "https://docs.joinmastodon.org/",
        "authorization_endpoint": public_url + "/oauth/authorize",
        "token_endpoint": public_url + "/oauth/token",
        "revocation_endpoint": public_url + "/oauth/revoke",
        "introspection_endpoint": public_url + "/oauth/introspect",
        "registration_endpoint": public_url + "/oauth/register",
        "userinfo_endpoint": public_url + "/oauth/userinfo",
        "app_registration_endpoint": public_url + "/api/v1/apps",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": [*SECRET_METHODS, "none"],
        "revocation_endpoint_auth_methods_supported": [*SECRET_METHODS, "none"],
        "introspection_endpoint_auth_methods_supported": SECRET_METHODS,
        # RFC 9207: an app that uses several servers can tell whose answer it got.
        "authorization_response_iss_parameter_supported": True,
        "code_challenge_methods_supported": ["S256"],
    }
