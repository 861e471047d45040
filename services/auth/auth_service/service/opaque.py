"""Secrets that clients hold: 256 random bits each, of which only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets

RANDOM_BYTES = 32


def new_secret() -> str:
    """A token, code, client id or client secret: 43 characters of base64url."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def digest(secret: str) -> bytes:
    """What is stored of it. A plain hash will do: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
