"""Auth: one registered app, accounts, tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway_fakes.service import FakeService, bad, with_reason
from rookery.auth.v1 import app_pb2, auth_service_pb2
from rookery_common.auth import Identity
from rookery_common.errors import (
    FieldViolation,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
)

if TYPE_CHECKING:
    from gateway_fakes.world import World


APP_ID = 7


@dataclass
class Session:
    """What auth knows of one token."""

    account_id: int
    session_id: int
    scopes: list[str]
    roles: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=lambda: ["invite_users"])


class FakeAuth(FakeService):
    """One registered app, accounts with passwords, tokens."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tokens: dict[str, Session] = {}
        self.codes: dict[str, tuple[int, list[str]]] = {}
        self.passwords: dict[str, tuple[str, int]] = {}
        self.app = app_pb2.App(
            app_id=APP_ID,
            name="Test app",
            website="https://app.example",
            redirect_uris=["https://app.example/back", "urn:ietf:wg:oauth:2.0:oob"],
            scopes=["read", "write", "follow", "push"],
            client_id="client",
        )
        self.app.create_time.FromSeconds(1_700_000_000)

    def grant(self, account_id: int, *scopes: str) -> str:
        """A fresh token."""
        token = secrets.token_urlsafe(16)
        session_id = len(self.tokens) + 1 if account_id else 0
        self.tokens[token] = Session(account_id, session_id, list(scopes or ("read", "write", "follow", "push")))
        return token

    def CreateApp(self, request: auth_service_pb2.CreateAppRequest, _who: Any) -> Any:
        if not request.name:
            raise bad("client_name", "ERR_BLANK", "can't be blank")
        app = app_pb2.App(
            app_id=APP_ID,
            name=request.name,
            website=request.website,
            redirect_uris=request.redirect_uris,
            scopes=request.scopes or ["read"],
            client_id="client",
            grant_types=request.grant_types or ["authorization_code", "client_credentials"],
            token_endpoint_auth_method=request.token_endpoint_auth_method or "client_secret_basic",
        )
        if any(uri.startswith("javascript:") for uri in request.redirect_uris):
            raise bad("redirect_uris", "ERR_INVALID", "must not use this scheme")
        secret = "" if request.token_endpoint_auth_method == "none" else "secret"
        return auth_service_pb2.CreateAppResponse(app=app, client_secret=secret)

    def GetApp(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return auth_service_pb2.GetAppResponse(app=self.app)

    def SignUp(self, request: auth_service_pb2.SignUpRequest, who: Identity | None) -> Any:
        assert who is not None
        fields = []
        if not request.username:
            fields.append(FieldViolation("username", "ERR_BLANK", "can't be blank"))
        if not request.agreement:
            fields.append(FieldViolation("agreement", "ERR_ACCEPTED", "must be accepted"))
        if fields:
            raise InvalidArgument("The account can't be made.", fields=fields)
        account_id = self.world.user.add(request.username)
        self.passwords[request.username] = (request.password, account_id)
        return auth_service_pb2.SignUpResponse(token=self._token(self.grant(account_id)))

    def CheckAuthorization(self, request: Any, _who: Any) -> Any:
        if request.client_id != "client":
            raise bad("client_id", "ERR_INVALID", "is not known")
        if request.redirect_uri not in self.app.redirect_uris:
            raise bad("redirect_uri", "ERR_INVALID", "is not one of the app's")
        if request.response_type != "code":
            raise bad("response_type", "ERR_INVALID", "must be code")
        if not set(request.scopes) <= set(self.app.scopes):
            raise bad("scope", "ERR_INVALID", "is more than the app registered")
        return auth_service_pb2.CheckAuthorizationResponse(app=self.app, scopes=request.scopes or ["read"])

    def CreateAuthorization(self, request: Any, who: Any) -> Any:
        checked = self.CheckAuthorization(request.authorization, who)
        assert who is not None
        assert "security" in who.scopes
        code = secrets.token_urlsafe(8)
        self.codes[code] = (who.account_id, list(checked.scopes))
        return auth_service_pb2.CreateAuthorizationResponse(code=code)

    def CreateToken(self, request: auth_service_pb2.CreateTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise with_reason(Unauthenticated("Client authentication failed"), "INVALID_CLIENT")
        if request.grant_type == "client_credentials":
            token = self.grant(0, *request.scopes)
        elif request.grant_type == "authorization_code":
            if request.code not in self.codes:
                raise with_reason(InvalidArgument("The grant is invalid"), "INVALID_GRANT")
            account_id, scopes = self.codes.pop(request.code)
            token = self.grant(account_id, *scopes)
        elif request.grant_type == "refresh_token":
            return self._refresh(request)
        else:
            raise with_reason(InvalidArgument("Not a grant of ours"), "UNSUPPORTED_GRANT_TYPE")
        return auth_service_pb2.CreateTokenResponse(token=self._token(token))

    def _refresh(self, request: auth_service_pb2.CreateTokenRequest) -> Any:
        if request.refresh_token != "refresh":
            raise with_reason(InvalidArgument("The grant is invalid"), "INVALID_GRANT")
        token = self._token(self.grant(0))
        token.refresh_token, token.expires_in = "next", 3600
        return auth_service_pb2.CreateTokenResponse(token=token)

    def IntrospectToken(self, request: auth_service_pb2.IntrospectTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise with_reason(Unauthenticated("Client authentication failed"), "INVALID_CLIENT")
        session = self.tokens.get(request.token)
        if session is None:
            return auth_service_pb2.IntrospectTokenResponse()
        account_id, name = session.account_id, "alice" if session.account_id else ""
        answer = auth_service_pb2.IntrospectTokenResponse(
            active=True, scopes=session.scopes, account_id=account_id, username=name
        )
        answer.create_time.FromSeconds(1_700_000_000)
        answer.expire_time.FromSeconds(1_800_000_000)
        return answer

    def RevokeToken(self, request: auth_service_pb2.RevokeTokenRequest, _who: Any) -> Any:
        if (request.client_id, request.client_secret) != ("client", "secret"):
            raise PermissionDenied("Not yours")
        self.tokens.pop(request.token, None)
        return auth_service_pb2.RevokeTokenResponse()

    def ExchangeToken(self, request: auth_service_pb2.ExchangeTokenRequest, _who: Any) -> Any:
        session = self.tokens.get(request.token)
        if session is None:
            raise with_reason(Unauthenticated("No such token"), "INVALID_TOKEN")
        answer = auth_service_pb2.ExchangeTokenResponse(
            internal_token=f"internal-{request.token}",
            session_id=session.session_id,
            account_id=session.account_id,
            app_id=APP_ID,
            scopes=session.scopes,
            app_name="Test app",
            roles=session.roles,
            permissions=session.permissions,
        )
        answer.expire_time.FromMilliseconds(self.world.clock.unix_ms() + 300_000)
        return answer

    def _token(self, token: str) -> app_pb2.Token:
        session = self.tokens[token]
        message = app_pb2.Token(access_token=token, scopes=session.scopes, account_id=session.account_id)
        message.create_time.FromSeconds(1_700_000_000)
        return message
