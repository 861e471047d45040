"""The authorization code grant with PKCE (the request, the user's consent, the code), and the token endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from auth_service.errors import (
    AuthorizationInvalid,
    ClientNotRegistered,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
)
from auth_service.metrics import TOKENS
from auth_service.models import (
    CODE_GRANT,
    CODE_LIFETIME,
    GRANTS,
    App,
    AuthorizationCode,
    AuthorizationRequest,
    IssuedToken,
    TokenRequest,
)
from auth_service.repository import AuthRepository
from auth_service.service.apps import Apps
from auth_service.service.opaque import digest, new_secret
from auth_service.service.refreshing import Refreshing
from auth_service.service.scopes import grantable
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn
from rookery_common.auth import Identity
from rookery_common.clock import Clock

CHALLENGE_METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Authorizations:
    """Codes are given for one client, one redirect URI and one PKCE challenge, for a minute, and used once."""

    def __init__(
        self,
        repository: AuthRepository,
        apps: Apps,
        sign_in: SignIn,
        sessions: Sessions,
        refreshing: Refreshing,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._apps = apps
        self._sign_in = sign_in
        self._sessions = sessions
        self._refreshing = refreshing
        self._clock = clock

    async def check(self, request: AuthorizationRequest) -> tuple[App, tuple[str, ...]]:
        """The app that asks, and the scopes that it would get. Raises AuthorizationInvalid naming the parameter."""
        app = await self._repository.app_by_client(request.client_id)
        if app is None or app.revoked_at is not None:
            raise AuthorizationInvalid("INVALID_CLIENT", "client_id", "is not known")
        # Exactly as registered: a prefix or a pattern would let codes go astray.
        if request.redirect_uri not in app.redirect_uris:
            raise AuthorizationInvalid("INVALID_REDIRECT_URI", "redirect_uri", "is not one that the app registered")
        if request.response_type != "code":
            raise AuthorizationInvalid("UNSUPPORTED_RESPONSE_TYPE", "response_type", "must be code")
        if CODE_GRANT not in app.grant_types:
            raise AuthorizationInvalid("UNAUTHORIZED_CLIENT", "client_id", "is not one that may ask for codes")
        _check_challenge(request, is_public=app.is_public)
        scopes = grantable(request.scopes, app.scopes)
        if scopes is None:
            raise AuthorizationInvalid("INVALID_SCOPE", "scope", "is invalid, unknown, or more than the app may have")
        return app, scopes

    async def authorize(
        self, request: AuthorizationRequest, login: str, password: str, client_address: str = ""
    ) -> str:
        """Signs the user in, who thereby consents; the code. Raises also what SignIn.check does."""
        app, scopes = await self.check(request)
        credentials = await self._sign_in.check(login, password, client_address)
        return await self._new_code(request, app, scopes, credentials.account_id)

    async def authorize_caller(self, request: AuthorizationRequest, caller: Identity) -> str:
        """The same for who has signed in with a browser, and has consented there."""
        app, scopes = await self.check(request)
        return await self._new_code(request, app, scopes, caller.account_id)

    async def _new_code(self, request: AuthorizationRequest, app: App, scopes: tuple[str, ...], account_id: int) -> str:
        code = new_secret()
        await self._repository.add_code(
            AuthorizationCode(
                code_hash=digest(code),
                app_id=app.app_id,
                account_id=account_id,
                redirect_uri=request.redirect_uri,
                scopes=scopes,
                code_challenge=request.code_challenge,
                created_at=self._clock.now(),
            )
        )
        return code

    async def grant(self, request: TokenRequest) -> IssuedToken:
        """The token endpoint. Raises one of OAuth2's errors: InvalidClient, InvalidGrant, InvalidScope and so on."""
        if request.grant_type not in GRANTS:
            raise UnsupportedGrantType(f"grant_type must be one of {', '.join(GRANTS)}")
        app = await self._apps.authenticate(request.client_id, request.client_secret)
        if request.grant_type not in app.grant_types:
            raise ClientNotRegistered(f"the client was not registered for {request.grant_type}")
        match request.grant_type:
            case "authorization_code":
                return await self._redeem(app, request)
            case "refresh_token":
                return await self._refreshing.refresh(app, request)
            case _:
                return await self._act_for_itself(app, request)

    async def _act_for_itself(self, app: App, request: TokenRequest) -> IssuedToken:
        scopes = grantable(request.scopes, app.scopes)
        if scopes is None:
            raise InvalidScope("scope is invalid, unknown, or more than the app may have")
        return await self._sessions.open(app, 0, scopes, grant=request.grant_type)

    async def _redeem(self, app: App, request: TokenRequest) -> IssuedToken:
        for name, value in (("code", request.code), ("redirect_uri", request.redirect_uri)):
            if not value:
                raise InvalidRequest(f"{name} is missing")
        code_hash = digest(request.code)
        code = await self._repository.code(code_hash)
        if code is None or code.app_id != app.app_id:
            raise InvalidGrant("the code is not one that this client was given")
        if code.used_at is not None:
            raise await self._reused(code_hash)
        self._check_code(app, code, request)
        issued = self._sessions.new(app, code.account_id, code.scopes, code_hash)
        if not await self._repository.redeem_code(code_hash, issued.session):
            raise await self._reused(code_hash)
        TOKENS.labels(request.grant_type).inc()
        return issued

    def _check_code(self, app: App, code: AuthorizationCode, request: TokenRequest) -> None:
        if self._clock.now() - code.created_at >= CODE_LIFETIME:
            raise InvalidGrant("the code has expired")
        if code.redirect_uri != request.redirect_uri:
            raise InvalidGrant("redirect_uri is not that of the authorization request")
        if not code.code_challenge and app.is_public:
            raise InvalidGrant("a client without a secret must use PKCE")
        # A verifier without a challenge means that someone has removed the challenge on its way (RFC 9700, 4.8).
        if not _proves(request.code_verifier, code.code_challenge):
            raise InvalidGrant("code_verifier does not match the authorization request")

    async def _reused(self, code_hash: bytes) -> InvalidGrant:
        await self._sessions.revoke_bought_with(code_hash)
        return InvalidGrant("the code was used before; the token that it gave is revoked")


def _check_challenge(request: AuthorizationRequest, *, is_public: bool) -> None:
    if is_public and not request.code_challenge:
        raise AuthorizationInvalid("INVALID_REQUEST", "code_challenge", "is required of an app without a secret")
    if not request.code_challenge and not request.code_challenge_method:
        return
    if request.code_challenge_method != CHALLENGE_METHOD:
        raise AuthorizationInvalid("INVALID_REQUEST", "code_challenge_method", f"must be {CHALLENGE_METHOD}")
    if not _CHALLENGE.fullmatch(request.code_challenge):
        raise AuthorizationInvalid("INVALID_REQUEST", "code_challenge", "must be a SHA-256 digest in base64url")


def _proves(verifier: str, challenge: str) -> bool:
    if not challenge:
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    computed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(computed, challenge.encode())
