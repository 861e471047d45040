"""Links in memory, and a provider of OpenID Connect, which answers wrongly where a test wants it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
from auth_fakes import FakeAccountRepository
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth_service.account_models import LinkedIdentity
from auth_service.repository.links import LinkRepository
from rookery_common.clock import Clock

ISSUER = "https://id.example"
CLIENT_ID, SECRET = "rookery", "provider's secret: 100% ours"


@cache
def rsa_key(kid: str) -> RSAKey:
    """Always the same of this name: making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": kid})


class FakeLinks(LinkRepository):
    """A dictionary by digest."""

    def __init__(self, base: Any, accounts: FakeAccountRepository) -> None:
        self._base = base
        self._accounts = accounts

    @property
    def known(self) -> dict[bytes, LinkedIdentity]:
        return self._accounts.links

    async def add(self, link: LinkedIdentity) -> bool:
        mine = any(one.issuer == link.issuer for one in self.known.values() if one.account_id == link.account_id)
        if mine or link.subject_digest in self.known:
            return False
        self.known[link.subject_digest] = link
        return True

    async def all(self, account_id: int, limit: int) -> list[LinkedIdentity]:
        found = [link for link in self.known.values() if link.account_id == account_id]
        return sorted(found, key=lambda link: (link.created_at, link.issuer))[:limit]

    async def owner(self, subject_digest: bytes) -> int:
        return self.known[subject_digest].account_id if subject_digest in self.known else 0

    async def use(self, subject_digest: bytes, at: datetime) -> int:
        if subject_digest in self.known:
            self.known[subject_digest] = replace(self.known[subject_digest], used_at=at)
        return await self.owner(subject_digest)

    async def remove(self, account_id: int, issuer: str, issuers: Sequence[str]) -> bool:
        mine = {link.issuer: key for key, link in self.known.items() if link.account_id == account_id}
        others = (mine.keys() - {issuer}) & set(issuers)
        has_password = bool(self._base.credentials[account_id].password_hash)
        if issuer not in mine or not (has_password or others or self._accounts.passkeys.get(account_id)):
            return False
        del self.known[mine[issuer]]
        return True


@dataclass
class FakeWeb:
    """Every site but ours: providers by host. What is asked of anyone else has no answer."""

    sites: dict[str, Callable[[httpx2.Request], httpx2.Response]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def transport(self) -> httpx2.AsyncBaseTransport:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        site = self.sites.get(request.url.host)
        if site is None:
            raise httpx2.ConnectError("nobody there", request=request)
        return site(request)


@dataclass
class FakeProvider:
    """A provider that signs people in without asking; `claims` and `header` are put over those of its ID tokens."""

    clock: Clock
    issuer: str = ISSUER
    client_id: str = CLIENT_ID
    secret: str = SECRET
    key: RSAKey = field(default_factory=lambda: rsa_key("first"))
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] = field(default_factory=dict)
    # Makes the ID token of the claims, if not as it should be.
    sign: Callable[[dict[str, Any]], str] | None = None
    # Path to what is answered there instead.
    instead: dict[str, httpx2.Response] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, url: str, subject: str = "alice there") -> dict[str, str]:
        """What the browser that was led to `url` comes back with."""
        parts = urlsplit(url)
        assert parts.hostname == urlsplit(self.issuer).hostname
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = {**asked, "sub": subject}
        return {"code": code, "state": asked["state"], "issuer": self.issuer}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path in self.instead:
            return self.instead[path]
        match path:
            case "/.well-known/openid-configuration":
                return httpx2.Response(200, json=self._document())
            case "/keys":
                return httpx2.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token":
                return self._redeem(request)
            case "/me":
                return httpx2.Response(200, json=self.user_info)
        return httpx2.Response(404, json={})

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def _redeem(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        known = self.codes.pop(form["code"], None)
        if known is None or self._client(request, form) != (self.client_id, self.secret):
            return httpx2.Response(400, json={"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == known["code_challenge"]
        assert form["redirect_uri"] == known["redirect_uri"]
        token = (self.sign or self.signed)(self._claims_of(known))
        return httpx2.Response(200, json={"access_token": "there", "token_type": "Bearer", "id_token": token})

    @staticmethod
    def _client(request: httpx2.Request, form: dict[str, str]) -> tuple[str, str]:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return form["client_id"], form.get("client_secret", "")
        name, _, secret = base64.b64decode(value).decode().partition(":")
        return unquote(name), unquote(secret)

    def _claims_of(self, known: dict[str, str]) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        claims = {"iss": self.issuer, "aud": self.client_id, "sub": known["sub"], "nonce": known["nonce"]}
        times = {"iat": now, "exp": now + 300, **({"auth_time": now} if "max_age" in known else {})}
        changed = {**claims, **times, **self.claims}
        return {name: value for name, value in changed.items() if value is not None}

    def signed(self, claims: dict[str, Any]) -> str:
        """As it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


def settings_of(*providers: FakeProvider) -> str:
    """The operator's setting that names them."""
    return json.dumps(
        [
            {
                "name": f"p{number}",
                "title": f"Provider {number}",
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "client_secret": provider.secret,
            }
            for number, provider in enumerate(providers, start=1)
        ]
    )
