"""The keys of internal tokens: made here, kept wrapped in the database, published by their public halves."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auth_service.models import SigningKey
from auth_service.repository import AuthRepository
from rookery_common.auth import TokenSigner, public_jwks
from rookery_common.clock import Clock
from rookery_common.crypto import KeyProvider
from rookery_common.errors import Unavailable

RELOAD_SECONDS = 5.0
# Longer than any token that a retired key has signed, and than anyone keeps the published keys.
PUBLISHED_AFTER_RETIREMENT = timedelta(hours=1)


class NoSigningKey(Unavailable):
    """The first key could not be made."""

    reason = "NO_SIGNING_KEY"


class SigningKeys:
    """Reads the keys at most every five seconds; makes the first one where there is none."""

    def __init__(self, repository: AuthRepository, provider: KeyProvider, clock: Clock) -> None:
        self._repository = repository
        self._provider = provider
        self._clock = clock
        self._loading = asyncio.Lock()
        self._loaded_at: float | None = None
        self._signer: TokenSigner | None = None
        self._jwks = ""

    async def signer(self) -> TokenSigner:
        """Signs with the active key."""
        await self._refresh()
        if self._signer is None:
            raise NoSigningKey("tokens can't be signed right now")
        return self._signer

    async def jwks(self) -> str:
        """All public keys that may have signed a token that still holds."""
        await self._refresh()
        return self._jwks

    async def _refresh(self) -> None:
        if self._is_fresh():
            return
        async with self._loading:
            if not self._is_fresh():
                await self._load()

    def _is_fresh(self) -> bool:
        return self._loaded_at is not None and self._clock.monotonic() - self._loaded_at < RELOAD_SECONDS

    async def _load(self) -> None:
        keys = await self._stored()
        if not any(key.active for key in keys):
            await self._repository.add_signing_key(make_key(self._provider, self._clock, active=True))
            keys = await self._stored()
        for key in keys:
            if key.active:
                private = Ed25519PrivateKey.from_private_bytes(self._provider.unwrap(key.private_key))
                self._signer = TokenSigner(private, key.kid, self._clock)
        self._jwks = public_jwks({key.kid: Ed25519PublicKey.from_public_bytes(key.public_key) for key in keys})
        self._loaded_at = self._clock.monotonic()

    async def _stored(self) -> list[SigningKey]:
        return await self._repository.signing_keys(self._clock.now() - PUBLISHED_AFTER_RETIREMENT)


def make_key(provider: KeyProvider, clock: Clock, *, active: bool) -> SigningKey:
    """A new key that is not stored yet."""
    private = Ed25519PrivateKey.generate()
    return SigningKey(
        kid=secrets.token_hex(8),
        private_key=provider.wrap(private.private_bytes_raw()),
        public_key=private.public_key().public_bytes_raw(),
        active=active,
        created_at=clock.now(),
    )
