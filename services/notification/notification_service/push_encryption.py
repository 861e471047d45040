"""Messages for one browser alone (RFC 8291, aes128gcm of RFC 8188), and the proof of who sends them (RFC 8292)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import ECKey

CURVE: Final = ec.SECP256R1()
SALT_BYTES: Final = 16
RECORD_BYTES: Final = 4_096
# Of a record, without its header, the tag and the delimiter.
MAX_PAYLOAD_BYTES: Final = RECORD_BYTES - SALT_BYTES - 4 - 1 - 65 - 16 - 1
_LAST_RECORD: Final = b"\x02"
TOKEN_SECONDS: Final = 12 * 3600


class WrongPoint(ValueError):
    """Not a public key of the curve P-256."""


def new_key() -> str:
    """A new private key, as it is stored."""
    key = ec.generate_private_key(CURVE)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def parse_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """As `new_key` made it."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise WrongPoint
    return key


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point: 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def checked_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Raises WrongPoint."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        raise WrongPoint from None


def encrypt(
    payload: bytes,
    receiver: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """One record with its header, under a key pair and a salt of its own. Raises WrongPoint."""
    point = checked_point(receiver)
    own = sender or ec.generate_private_key(CURVE)
    seasoning = salt or secrets.token_bytes(SALT_BYTES)
    own_point = public_bytes(own.public_key())
    info = b"WebPush: info\x00" + receiver + own_point
    secret = HKDF(SHA256(), 32, salt=auth, info=info).derive(own.exchange(ec.ECDH(), point))
    key = HKDF(SHA256(), 16, salt=seasoning, info=b"Content-Encoding: aes128gcm\x00").derive(secret)
    nonce = HKDF(SHA256(), 12, salt=seasoning, info=b"Content-Encoding: nonce\x00").derive(secret)
    header = seasoning + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_point)]) + own_point
    return header + AESGCM(key).encrypt(nonce, payload + _LAST_RECORD, None)


class Vapid:
    """The platform's key pair towards push services."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey, subject: str) -> None:
        pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = ECKey.import_key(pem)
        self._subject = subject
        self.public_key = urlsafe_b64encode(public_bytes(private_key.public_key())).rstrip(b"=").decode()

    def authorization(self, url: str, unix_seconds: int) -> str:
        """The header for a request to this endpoint."""
        parts = urlsplit(url)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": unix_seconds + TOKEN_SECONDS,
            "sub": self._subject,
        }
        token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, self._key)
        return f"vapid t={token}, k={self.public_key}"
