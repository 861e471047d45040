"""POST /api/v1/accounts: signing up through an app."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import AppTokenRequired, RegistrationsClosed
from gateway_service.flags import SIGN_UP
from gateway_service.params import Params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.apps import token
from rookery.auth.v1.auth_service_pb2 import SignUpRequest
from rookery_common.crypto import derive_key
from rookery_common.flags import Flags

SIGN_UP_SECONDS = 10.0
MAX_CHARS = 1000


class SignUp:
    """Makes accounts; auth and user decide on what is given."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings, flags: Flags) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._flags = flags
        self._key = derive_key(settings.master_key_bytes(), "gateway.sign-up")
        routes = Routes("accounts")
        routes.post("/api/v1/accounts", self.create, "accounts_create", "Sign up")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require(request, "write:accounts")
        if caller.identity.account_id:
            raise AppTokenRequired
        if not self._flags.on(SIGN_UP):
            raise RegistrationsClosed
        params = await read_params(request, self._settings.max_body_bytes, query=False)
        call = sign_up_request(params)
        call.request_id = request_id(self._key, caller.identity.app_id, idempotency_key(request), call)
        answer = await self._clients.auth.call(
            "SignUp", call, timeout=SIGN_UP_SECONDS, idempotent=True, identity=caller.identity
        )
        return json_response(token(answer.token))


def request_id(secret: bytes, app_id: int, key: str, call: SignUpRequest) -> str:
    """The same for the same request of the same app. Keyed, since it goes where contact data must not."""
    parts = (str(app_id), key, call.username.casefold(), call.email.casefold())
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def sign_up_request(params: Params) -> SignUpRequest:
    """What was filled in; blanks are for auth to refuse, all in one answer."""
    return SignUpRequest(
        username=params.text("username", MAX_CHARS) or "",
        email=params.text("email", MAX_CHARS) or "",
        password=params.text("password", MAX_CHARS) or "",
        agreement=params.flag("agreement") or False,
        locale=params.text("locale", 100) or "",
        reason=params.text("reason", 5000) or "",
        invite_code=params.text("invite_code", 200) or "",
    )
