"""Who is asking: internal tokens (JWT by Ed25519, minutes long), their verification, the identity of the call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from rookery_common.clock import Clock
from rookery_common.errors import AppError, PermissionDenied, Unauthenticated
from rookery_common.logs import get_logger

ALGORITHM = "Ed25519"  # RFC 9864's name of EdDSA with this curve; "EdDSA" alone is deprecated there.
ISSUER = "rookery-auth"
AUDIENCE = "rookery"
TOKEN_TYPE = "rookery+jwt"  # noqa: S105 - a media type
MAX_TOKEN_CHARS = 4096
MAX_LIFETIME_SECONDS = 600
CLOCK_SKEW_SECONDS = 30
REFETCH_SECONDS = 5.0
KEYS_LIFETIME_SECONDS = 55.0
CACHED_TOKENS = 20_000
# The permission that stands for all others.
ADMINISTRATOR = "administrator"

_HEADER_FIELDS = frozenset({"alg", "kid", "typ"})
_FOLLOW = frozenset(f"{verb}:{noun}" for verb in ("read", "write") for noun in ("follows", "blocks", "mutes"))
_IMPLIED: Mapping[str, frozenset[str]] = {
    **{scope: frozenset({"follow"}) for scope in _FOLLOW},
    "profile": frozenset({"read", "read:accounts"}),
}
log = get_logger()


class InvalidToken(Unauthenticated):
    """The token is malformed, forged, expired or meant for someone else."""

    reason = "INVALID_TOKEN"


class ScopeMissing(PermissionDenied):
    """The token is good, but was not granted for this."""

    reason = "SCOPE_MISSING"


class PermissionMissing(PermissionDenied):
    """The caller's roles do not permit this."""

    reason = "PERMISSION_MISSING"


def scope_covers(granted: frozenset[str], wanted: str) -> bool:
    """Whether `wanted`, a parent of it (write for write:statuses) or what stands for it (follow) is granted."""
    if wanted in granted or not granted.isdisjoint(_IMPLIED.get(wanted, ())):
        return True
    parent = wanted.rpartition(":")[0]
    return bool(parent) and scope_covers(granted, parent)


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller; `account_id` is 0 for an app that acts for itself. `token` is its internal token."""

    account_id: int
    session_id: int
    app_id: int
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    # What the account's roles permit, as an RPC names it; a role's name alone permits nothing.
    permissions: frozenset[str] = frozenset()
    token: str = ""

    def has_scope(self, scope: str) -> bool:
        """Whether the token's scopes cover this one, by Mastodon's hierarchy."""
        return scope_covers(self.scopes, scope)

    def permits(self, permission: str) -> bool:
        """Whether a role of the account permits this; an app by itself is permitted nothing."""
        return bool(self.account_id) and not self.permissions.isdisjoint((permission, ADMINISTRATOR))

    def __repr__(self) -> str:  # The token must not get into a log by way of a repr.
        return f"Identity(account_id={self.account_id}, session_id={self.session_id}, app_id={self.app_id})"


_current: ContextVar[Identity | None] = ContextVar("rookery_identity", default=None)


def current_identity() -> Identity | None:
    """The caller of the RPC or request that is being served; None where there is no user behind the work."""
    return _current.get()


def require_identity(scope: str | None = None) -> Identity:
    """The caller, who must be known and, if a scope is named, hold it."""
    identity = _current.get()
    if identity is None:
        raise Unauthenticated("sign in first")
    if scope is not None and not identity.has_scope(scope):
        raise ScopeMissing(f"the token's scopes do not include {scope}")
    return identity


def check_permission(identity: Identity, permission: str) -> None:
    """Raises PermissionMissing unless a role of the caller permits this."""
    if not identity.permits(permission):
        raise PermissionMissing(f"this needs the permission {permission}")


@contextmanager
def with_identity(identity: Identity | None) -> Iterator[None]:
    """Makes `identity` the caller within the block."""
    reset = _current.set(identity)
    try:
        yield
    finally:
        _current.reset(reset)


def public_jwks(keys: Mapping[str, Ed25519PublicKey]) -> str:
    """A JWKS document (RFC 7517) of public keys by key id."""
    keyset = [
        {**OKPKey.import_key(key).as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}
        for kid, key in keys.items()
    ]
    return json.dumps({"keys": keyset})


class TokenSigner:
    """Makes internal tokens; only auth has the private key."""

    def __init__(self, private_key: Ed25519PrivateKey, kid: str, clock: Clock) -> None:
        self.kid = kid
        self._key = OKPKey.import_key(private_key)
        self._header = {"alg": ALGORITHM, "kid": kid, "typ": TOKEN_TYPE}
        self._clock = clock

    def sign(self, identity: Identity, ttl_seconds: int = 300) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(identity.account_id),
            "sid": str(identity.session_id),
            "app": str(identity.app_id),
            "scope": " ".join(sorted(identity.scopes)),
            "roles": sorted(identity.roles),
            "permissions": sorted(identity.permissions),
            "iat": now,
            "exp": now + ttl_seconds,
        }
        return jwt.encode(self._header, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks internal tokens against auth's public keys; a good one is remembered until it expires.

    A key id that is not known yet makes it fetch the keys again, at most every 5 s, so forged ids cost auth little.
    Known keys are fetched again every minute, beside the calls: what a withdrawn key has signed is forgotten then.
    """

    def __init__(self, keys: Callable[[], Awaitable[str]], clock: Clock, audience: str = AUDIENCE) -> None:
        self._fetch = keys
        self._clock = clock
        self._audience = audience
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at: float | None = None
        self._fetching = asyncio.Lock()
        self._verified: OrderedDict[str, tuple[int, Identity]] = OrderedDict()
        self._renewal: asyncio.Task[None] | None = None

    async def verify(self, token: str) -> Identity:
        """The token's identity. Raises InvalidToken; Unavailable if the keys are needed and can't be had."""
        now = self._clock.now().timestamp()
        known = self._verified.get(token)
        if known is not None:
            if known[0] <= now:
                del self._verified[token]
                raise InvalidToken("the token has expired")
            self._renew_keys()
            return known[1]
        kid, payload, signature = _take_apart(token)
        key = await self._key_for(kid)
        try:
            key.verify(signature, token.rpartition(".")[0].encode())
        except InvalidSignature:
            raise InvalidToken("the token's signature is wrong") from None
        expires, identity = _read_claims(_object(payload), token, self._audience, now)
        self._verified[token] = (expires, identity)
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return identity

    def _renew_keys(self) -> None:
        """In the background: a hit waits for nobody."""
        stale = self._fetched_at is None or self._clock.monotonic() - self._fetched_at >= KEYS_LIFETIME_SECONDS
        if stale and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._freshen(next(iter(self._keys), "")), name="token-keys")

    async def _freshen(self, kid: str) -> None:
        async with self._fetching:
            if self._is_stale(kid):  # Whoever waited here finds what the one before has fetched.
                await self._load(kid)

    async def _key_for(self, kid: str) -> Ed25519PublicKey:
        if self._is_stale(kid):
            await self._freshen(kid)
        key = self._keys.get(kid)
        if key is None:
            raise InvalidToken("the token's key is not known")
        return key

    def _is_stale(self, kid: str) -> bool:
        if self._fetched_at is None:
            return True
        limit = KEYS_LIFETIME_SECONDS if kid in self._keys else REFETCH_SECONDS
        return self._clock.monotonic() - self._fetched_at >= limit

    async def _load(self, kid: str) -> None:
        try:
            document = await self._fetch()
        except AppError:
            if kid not in self._keys:
                raise
            # Keys change rarely: a known one still verifies while auth is away.
            log.warning("auth.keys_stale", kid=kid)
            self._fetched_at = self._clock.monotonic() - KEYS_LIFETIME_SECONDS + REFETCH_SECONDS
            return
        published = json.loads(document)["keys"]
        self._fetched_at = self._clock.monotonic()
        keys = {key["kid"]: _public_key(key) for key in published if key["kty"] == "OKP"}
        if not self._keys.keys() <= keys.keys():
            self._verified.clear()  # By a key that is withdrawn anything may have been signed.
        self._keys = keys


def _public_key(published: Mapping[str, str]) -> Ed25519PublicKey:
    return cast(Ed25519PublicKey, OKPKey.import_key(dict(published)).public_key)


def _canonical(segment: str) -> bytes:
    """Decodes base64url strictly: the unused bits of the last character must be zero, so a token has one spelling."""
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise InvalidToken("the token is malformed") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode():
        raise InvalidToken("the token is malformed")
    return data


def _take_apart(token: str) -> tuple[str, bytes, bytes]:
    """Key id, payload and signature, after everything about the header that can be known without a key."""
    segments = token.split(".")
    if len(token) > MAX_TOKEN_CHARS or len(segments) != 3 or not token.isascii():
        raise InvalidToken("the token is malformed")
    header, payload, signature = [_canonical(segment) for segment in segments]
    fields = _object(header)
    # Nothing but what we write ourselves: no other algorithm, no key that it brings along, no extension.
    if fields.keys() != _HEADER_FIELDS or fields["alg"] != ALGORITHM or fields["typ"] != TOKEN_TYPE:
        raise InvalidToken("the token is not one of ours")
    kid = fields.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidToken("the token names no key")
    return kid, payload, signature


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidToken("the token is malformed") from None
    if not isinstance(value, dict):
        raise InvalidToken("the token is malformed")
    return value


def _read_claims(claims: Mapping[str, Any], token: str, audience: str, now: float) -> tuple[int, Identity]:
    if claims.get("iss") != ISSUER or claims.get("aud") != audience:
        raise InvalidToken("the token is meant for someone else")
    issued, expires = _integer(claims, "iat"), _integer(claims, "exp")
    if expires <= now:
        raise InvalidToken("the token has expired")
    if issued > now + CLOCK_SKEW_SECONDS or expires - issued > MAX_LIFETIME_SECONDS:
        raise InvalidToken("the token's times are wrong")
    identity = Identity(
        account_id=_number(claims, "sub"),
        session_id=_number(claims, "sid"),
        app_id=_number(claims, "app"),
        scopes=frozenset(_text(claims, "scope").split()),
        roles=_names(claims, "roles"),
        # Auth of the release before names none: its tokens hold, and permit nothing besides.
        permissions=_names({"permissions": [], **claims}, "permissions"),
        token=token,
    )
    return expires, identity


def _integer(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:
        raise InvalidToken(f"the token's {name} is wrong")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise InvalidToken(f"the token's {name} is wrong")
    return value


def _number(claims: Mapping[str, Any], name: str) -> int:
    value = _text(claims, name)
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise InvalidToken(f"the token's {name} is wrong")
    return int(value)


def _names(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    value = claims.get(claim)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidToken(f"the token's {claim} are wrong")
    return frozenset(cast(list[str], value))
