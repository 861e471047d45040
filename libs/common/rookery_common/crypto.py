"""Envelope encryption of fields: a data key each, wrapped by a key-encryption key that rotates; blind indexes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from typing import NewType, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rookery_common.errors import Internal

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
VERSION = b"\x01"
CACHED_KEYS = 4096

WrappedKey = NewType("WrappedKey", bytes)


class DecryptionFailed(Internal):
    """The data was changed, belongs to another context, or its key is gone; the message never tells what it was."""

    reason = "DECRYPTION_FAILED"


def derive_key(master: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, by HKDF-SHA256; keys of different purposes tell nothing about each other."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"rookery:{purpose}".encode()).derive(master)


def _seal(key: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, context)


def _open(key: AESGCM, blob: bytes, context: bytes) -> bytes:
    try:
        return key.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise DecryptionFailed("stored data can't be decrypted") from None


class KeyProvider(Protocol):
    """Wraps data keys with a key-encryption key that it keeps to itself: a mounted key here, a KMS elsewhere."""

    def wrap(self, key: bytes) -> bytes:
        """Under the newest key-encryption key, whose id is part of the result."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Under whichever key wrapped it. Raises DecryptionFailed."""
        ...


class LocalKeyProvider:
    """Key-encryption keys derived from master keys that are mounted as secrets.

    The first one wraps, all of them unwrap: to rotate, put a new one first, rewrap what is stored, drop the old one.
    """

    def __init__(self, master_key: bytes, *older: bytes) -> None:
        self._keys: dict[bytes, AESGCM] = {}
        for master in (master_key, *older):
            if len(master) != KEY_BYTES:
                raise ValueError(f"a master key has {KEY_BYTES} bytes")
            self._keys[derive_key(master, "key-id")[:KEY_ID_BYTES]] = AESGCM(derive_key(master, "key-encryption"))
        self._current = derive_key(master_key, "key-id")[:KEY_ID_BYTES]

    def wrap(self, key: bytes) -> bytes:
        header = VERSION + self._current
        return header + _seal(self._keys[self._current], key, header)

    def unwrap(self, wrapped: bytes) -> bytes:
        size = len(VERSION) + KEY_ID_BYTES
        header, body = wrapped[:size], wrapped[size:]
        key = self._keys.get(header[len(VERSION) :])
        if key is None or not header.startswith(VERSION):
            raise DecryptionFailed("stored data can't be decrypted: its key is not known")
        return _open(key, body, header)


class FieldCipher:
    """Encrypts short texts under data keys by AES-256-GCM; unwrapped keys are kept in a bounded cache.

    The context (table, column, row) is authenticated, so that a value moved elsewhere can't be read there. Destroying
    the wrapped key is destroying every value under it.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self._provider = provider
        self._unwrapped: OrderedDict[bytes, AESGCM] = OrderedDict()

    def new_data_key(self) -> WrappedKey:
        return WrappedKey(self._provider.wrap(secrets.token_bytes(KEY_BYTES)))

    def rewrap(self, wrapped: WrappedKey) -> WrappedKey:
        """The same data key under the newest key-encryption key."""
        return WrappedKey(self._provider.wrap(self._provider.unwrap(wrapped)))

    def encrypt(self, wrapped: WrappedKey, plaintext: str, context: str) -> bytes:
        return VERSION + _seal(self._key(wrapped), plaintext.encode(), context.encode())

    def decrypt(self, wrapped: WrappedKey, blob: bytes, context: str) -> str:
        """Raises DecryptionFailed if anything about it is not as it was encrypted."""
        if not blob.startswith(VERSION):
            raise DecryptionFailed("stored data can't be decrypted: its form is not known")
        return _open(self._key(wrapped), blob[len(VERSION) :], context.encode()).decode()

    def _key(self, wrapped: WrappedKey) -> AESGCM:
        key = self._unwrapped.get(wrapped)
        if key is None:
            key = self._unwrapped[wrapped] = AESGCM(self._provider.unwrap(wrapped))
            if len(self._unwrapped) > CACHED_KEYS:
                self._unwrapped.popitem(last=False)
        else:
            self._unwrapped.move_to_end(wrapped)
        return key


class BlindIndex:
    """Digests by which an encrypted value is found again; the caller normalizes the value (case, form) first."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, value: str, purpose: str) -> bytes:
        scope = purpose.encode()
        return hmac.digest(self._key, len(scope).to_bytes(4, "big") + scope + value.encode(), hashlib.sha256)
