"""A provider by OpenID Connect: authorization code with PKCE, state and nonce. What it has signed is believed."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, ValidationError

from auth_service.clients.json_http import JsonHttp
from auth_service.errors import ProviderUnavailable, WrongProviderAnswer
from auth_service.models import MAX_EMAIL_CHARS, MAX_USERNAME_CHARS, ProviderIdentity
from auth_service.provider_models import (
    MAX_LABEL_CHARS,
    MAX_SUBJECT_CHARS,
    AskedProvider,
    Provider,
    ProviderAnswer,
)
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

# Signatures by a key that the provider alone has; never one that we could make ourselves, or none.
ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "Ed25519"})
MAX_ID_TOKEN_CHARS = 32_768
SKEW_SECONDS = 60
KEPT_SECONDS = 3600.0
RETRY_SECONDS = 10.0
# A key that is not known may be new: asked for at most so often.
KEYS_REFETCH_SECONDS = 10.0
T = TypeVar("T")
log = get_logger()


class Metadata(BaseModel):
    """What of a provider's discovery document is of use here (OpenID Connect Discovery, RFC 9207)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> frozenset[str]:
        """By which its ID tokens may be signed."""
        return ALGORITHMS.intersection(self.id_token_signing_alg_values_supported)


class Kept(Generic[T]):
    """Something that a provider publishes, for an hour; while it can't be had anew the old one holds."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._fetched_at = 0.0
        self._retry_at = 0.0

    async def get(self, *, oldest: float = KEPT_SECONDS) -> T:
        """At most so many seconds old, if it can be had. Raises ProviderUnavailable if it never could."""
        now = self._clock.monotonic()
        if self._value is not None and (now - self._fetched_at < oldest or now < self._retry_at):
            return self._value
        if now < self._retry_at:
            raise ProviderUnavailable("the provider did not answer a moment ago", retry_after=RETRY_SECONDS)
        try:
            self._value = await self._fetch()
        except ProviderUnavailable as error:
            self._retry_at = self._clock.monotonic() + RETRY_SECONDS
            log.warning("auth.provider_unavailable", problem=error.message)
            if self._value is None:
                raise
        else:
            self._fetched_at = self._clock.monotonic()
        return self._value


class OidcProvider:
    """One provider; its document and its keys are fetched when somebody first comes by it."""

    def __init__(self, provider: Provider, http: JsonHttp, clock: Clock, *, loopback: bool) -> None:
        self.provider = provider
        self._http = http
        self._clock = clock
        self._loopback = loopback
        self._metadata = Kept(self._discover, clock)
        self._keys = Kept(self._fetch_keys, clock)

    async def address(self, asked: AskedProvider) -> str:
        """Where the browser goes. Raises ProviderUnavailable."""
        metadata = await self._metadata.get()
        digest = hashlib.sha256(asked.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if asked.afresh:
            query |= {"prompt": "login", "max_age": "0"}
        endpoint = metadata.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def identity(self, asked: AskedProvider, answer: ProviderAnswer) -> ProviderIdentity:
        """Who it is, of an answer whose state was checked. Raises WrongProviderAnswer, ProviderUnavailable."""
        metadata = await self._metadata.get()
        # RFC 9207: another provider's answer is none of this one's.
        named = answer.issuer or (None if metadata.authorization_response_iss_parameter_supported else metadata.issuer)
        if named != metadata.issuer:
            raise WrongProviderAnswer("the answer is another provider's")
        tokens = await self._redeem(metadata, asked, answer.code)
        claims = await self._claims(metadata, tokens.get("id_token"), asked.nonce)
        return _identity(claims, await self._user_info(metadata, tokens, claims))

    async def _discover(self) -> Metadata:
        document = await self._http.get(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            metadata = Metadata.model_validate(document)
        except ValidationError as error:
            places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
            raise ProviderUnavailable(f"the provider's document is wrong: {places}") from None
        if metadata.issuer != self.provider.issuer:
            raise ProviderUnavailable("the provider's document is of another issuer")
        urls = (metadata.issuer, metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
        if not all(self._is_safe(url) for url in (*urls, metadata.userinfo_endpoint or metadata.issuer)):
            raise ProviderUnavailable("the provider's document names an address that is not https")
        # None allowed would mean any, to the library.
        if not metadata.algorithms:
            raise ProviderUnavailable("the provider signs by no algorithm that is believed here")
        return metadata

    def _is_safe(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname) and parts.username is None
        return parts.scheme == "http" and self._loopback and _is_loopback(parts.hostname or "")

    async def _fetch_keys(self) -> KeySet:
        document = await self._http.get((await self._metadata.get()).jwks_uri)
        listed = document.get("keys")
        # A secret that both sides know signs nothing that we believe.
        public = [key for key in listed if _is_public(key)] if isinstance(listed, list) else []
        try:
            return KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, KeyError):
            raise ProviderUnavailable("the provider's keys can't be read") from None

    async def _redeem(self, metadata: Metadata, asked: AskedProvider, code: str) -> dict[str, Any]:
        client_id, secret = self.provider.client_id, self.provider.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier,
        }
        auth = None
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = (quote(client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        status, tokens = await self._http.post(metadata.token_endpoint, form, auth)
        if status != 200:
            reason = str(tokens.get("error", ""))
            log.warning("auth.provider_code_refused", provider=self.provider.name, status=status, error=reason[:40])
            raise WrongProviderAnswer("the provider does not take its code back")
        return tokens

    async def _claims(self, metadata: Metadata, token: object, nonce: str) -> dict[str, Any]:
        if not isinstance(token, str) or len(token) > MAX_ID_TOKEN_CHARS:
            raise WrongProviderAnswer("the provider's answer has no ID token")
        registry = JWSRegistry(algorithms=metadata.algorithms, strict_check_header=False)
        try:
            claims = await self._decoded(token, registry)
            expected: dict[str, Any] = {
                "iss": {"essential": True, "value": metadata.issuer},
                "aud": {"essential": True, "value": self.provider.client_id},
                "nonce": {"essential": True, "value": nonce},
                **{name: {"essential": True} for name in ("sub", "exp", "iat")},
            }
            now = int(self._clock.now().timestamp())
            jwt.JWTClaimsRegistry(now, SKEW_SECONDS, **expected).validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            log.warning("auth.id_token_refused", provider=self.provider.name, problem=type(error).__name__)
            raise WrongProviderAnswer("the provider's ID token is not one for us") from None
        self._check_party(claims)
        return claims

    async def _decoded(self, token: str, registry: JWSRegistry) -> dict[str, Any]:
        try:
            return jwt.decode(token, await self._keys.get(), registry=registry).claims
        except InvalidKeyIdError:
            keys = await self._keys.get(oldest=KEYS_REFETCH_SECONDS)
            return jwt.decode(token, keys, registry=registry).claims

    def _check_party(self, claims: dict[str, Any]) -> None:
        audience, party = claims["aud"], claims.get("azp")
        ours = self.provider.client_id
        if party not in (None, ours) or (party is None and isinstance(audience, list) and len(audience) > 1):
            raise WrongProviderAnswer("the provider's ID token was made for another party")
        if not 0 < len(claims["sub"]) <= MAX_SUBJECT_CHARS:
            raise WrongProviderAnswer("the provider's ID token names nobody")

    async def _user_info(self, metadata: Metadata, tokens: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
        """What is not in the ID token, of those who keep it apart; nobody is turned away for want of it."""
        access = tokens.get("access_token")
        if "email" in claims or not metadata.userinfo_endpoint or not isinstance(access, str):
            return claims
        try:
            found = await self._http.get(metadata.userinfo_endpoint, {"authorization": f"Bearer {access}"})
        except ProviderUnavailable as error:
            log.warning("auth.provider_user_info", provider=self.provider.name, problem=error.message)
            return claims
        return found if found.get("sub") == claims["sub"] else claims


def _identity(claims: dict[str, Any], info: dict[str, Any]) -> ProviderIdentity:
    """Issuer, subject and time of what was signed; names as they may be shown and filled in."""
    email, name = _text(info, "email", MAX_EMAIL_CHARS), _text(info, "preferred_username", MAX_LABEL_CHARS)
    suggested = re.sub(r"[^A-Za-z0-9_]+", "_", (name or email).partition("@")[0]).strip("_")
    time = claims.get("auth_time")
    return ProviderIdentity(
        issuer=claims["iss"],
        subject=claims["sub"],
        label=email[:MAX_LABEL_CHARS] or name or _text(info, "name", MAX_LABEL_CHARS),
        username=suggested[:MAX_USERNAME_CHARS],
        email=email,
        authenticated_at=time if type(time) is int else 0,
    )


def _text(claims: dict[str, Any], name: str, most: int) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= most and value.isprintable() else ""


def _is_public(key: object) -> bool:
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
