"""The authorization code grant with PKCE: the request, the user's consent, the code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from auth_service.errors import (
    AuthorizationInvalid,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
)
from auth_service.metrics import TOKENS
from auth_service.models import CODE_LIFETIME, App, AuthorizationCode, AuthorizationRequest, IssuedToken, TokenRequest
from auth_service.repository import AuthRepository
from auth_service.service.apps import Apps
from auth_service.service.opaque import digest, new_secret
from auth_service.service.scopes import grantable
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn
from rookery_common.clock import Clock

CHALLENGE_METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Authorizations:
    """Codes are given for one client, one redirect URI and one PKCE challenge, for a minute, and used once."""

    def __init__(
        self, repository: AuthRepository, apps: Apps, sign_in: SignIn, sessions: Sessions, clock: Clock
    ) -> None:
        self._repository = repository
        self._apps = apps
        self._sign_in = sign_in
        self._sessions = sessions
        self._clock = clock

    async def check(self, request: AuthorizationRequest) -> tuple[App, tuple[str, ...]]:
        """The app that asks, and the scopes that it would get. Raises AuthorizationInvalid naming the parameter."""
        app = await self._repository.app_by_client(request.client_id)
        if app is None:
            raise AuthorizationInvalid("INVALID_CLIENT", "client_id", "is not known")
        # Exactly as registered: a prefix or a pattern would let codes go astray.
        if request.redirect_uri not in app.redirect_uris:
            raise AuthorizationInvalid("INVALID_REDIRECT_URI", "redirect_uri", "is not one that the app registered")
        if request.response_type != "code":
            raise AuthorizationInvalid("UNSUPPORTED_RESPONSE_TYPE", "response_type", "must be code")
        _check_challenge(request)
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
        code = new_secret()
        await self._repository.add_code(
            AuthorizationCode(
                code_hash=digest(code),
                app_id=app.app_id,
                account_id=credentials.account_id,
                redirect_uri=request.redirect_uri,
                scopes=scopes,
                code_challenge=request.code_challenge,
                created_at=self._clock.now(),
            )
        )
        return code

    async def grant(self, request: TokenRequest) -> IssuedToken:
        """The token endpoint. Raises one of OAuth2's errors: InvalidClient, InvalidGrant, InvalidScope and so on."""
        if request.grant_type == "authorization_code":
            return await self._redeem(request)
        if request.grant_type == "client_credentials":
            return await self._act_for_itself(request)
        raise UnsupportedGrantType("grant_type must be authorization_code or client_credentials")

    async def _act_for_itself(self, request: TokenRequest) -> IssuedToken:
        app = await self._apps.authenticate(request.client_id, request.client_secret)
        scopes = grantable(request.scopes, app.scopes)
        if scopes is None:
            raise InvalidScope("scope is invalid, unknown, or more than the app may have")
        return await self._sessions.open(app, 0, scopes, grant=request.grant_type)

    async def _redeem(self, request: TokenRequest) -> IssuedToken:
        app = await self._apps.authenticate(request.client_id, request.client_secret, allow_public=True)
        for name, value in (("code", request.code), ("redirect_uri", request.redirect_uri)):
            if not value:
                raise InvalidRequest(f"{name} is missing")
        code_hash = digest(request.code)
        code = await self._repository.code(code_hash)
        if code is None or code.app_id != app.app_id:
            raise InvalidGrant("the code is not one that this client was given")
        if code.used_at is not None:
            raise await self._reused(code_hash)
        self._check_code(code, request)
        issued = self._sessions.new(app, code.account_id, code.scopes, code_hash)
        if not await self._repository.redeem_code(code_hash, issued.session):
            raise await self._reused(code_hash)
        TOKENS.labels(request.grant_type).inc()
        return issued

    def _check_code(self, code: AuthorizationCode, request: TokenRequest) -> None:
        if self._clock.now() - code.created_at >= CODE_LIFETIME:
            raise InvalidGrant("the code has expired")
        if code.redirect_uri != request.redirect_uri:
            raise InvalidGrant("redirect_uri is not that of the authorization request")
        if not code.code_challenge and not request.client_secret:
            raise InvalidClient("a client without a secret must use PKCE")
        # A verifier without a challenge means that someone has removed the challenge on its way (RFC 9700, 4.8).
        if not _proves(request.code_verifier, code.code_challenge):
            raise InvalidGrant("code_verifier does not match the authorization request")

    async def _reused(self, code_hash: bytes) -> InvalidGrant:
        await self._sessions.revoke_bought_with(code_hash)
        return InvalidGrant("the code was used before; the token that it gave is revoked")


def _check_challenge(request: AuthorizationRequest) -> None:
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
