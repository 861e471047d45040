"""Devices that an account has signed in with: each holds a token that nobody else can make, and that opens nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from auth_service.account_models import DEVICE_LIFETIME, MAX_TOKEN_CHARS
from rookery_common.clock import Clock

_NONCE_BYTES = 16
_MAC_BYTES = 32


class Devices:
    """Tokens of (account, nonce, end), authenticated by a key of auth's: nothing is stored."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def token(self, account_id: int, known: str = "") -> str:
        """For a device that has just signed in; one that is known already stays the same device."""
        nonce = bytes.fromhex(self.known(known, account_id)) or secrets.token_bytes(_NONCE_BYTES)
        end = int((self._clock.now() + DEVICE_LIFETIME).timestamp())
        body = account_id.to_bytes(8, "big") + end.to_bytes(8, "big") + nonce
        return base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def known(self, token: str, account_id: int) -> str:
        """The device's name, if it has signed in to this account; else empty."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return ""
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return ""
        body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if len(body) != 16 + _NONCE_BYTES or not hmac.compare_digest(mac, self._mac(body)):
            return ""
        owner, end = int.from_bytes(body[:8], "big"), int.from_bytes(body[8:16], "big")
        if owner != account_id or end <= self._clock.now().timestamp():
            return ""
        return body[16:].hex()

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)
