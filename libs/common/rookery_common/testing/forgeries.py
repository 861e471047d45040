"""Tokens that nobody may take: what forgers have done to JWTs elsewhere, done to one of ours.

Each is made of a good token and the public keys, as an attacker has them; the private key is not needed.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Forgery = tuple[str, str]
Sign = Callable[[bytes], bytes]
_SPEC = PublicFormat.SubjectPublicKeyInfo
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_OTHER_ALGORITHMS = ("EdDSA", "Ed448", "ES256", "ES384", "ES512", "ES256K", "RS256", "PS256", "ed25519", "ED25519", "")
_NONE = ("none", "None", "NONE", "nOnE", "none ", "")
_KIDS: tuple[Any, ...] = (
    "../../../../dev/null", "/dev/null", "..\\..\\nul", "' OR 1=1 --", "https://evil.example/key", "unknown", "", " ",
    "0", "x" * 2000, "k\u0000", None, 1, True, ["k"], {"k": 1},
)  # fmt: skip
_TYPES: tuple[Any, ...] = ("JWT", "at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "", None, 1, ["rookery+jwt"])
_CLAIMS: dict[str, tuple[Any, ...]] = {
    "sub": ("1", "0", "-1", "", "admin", "9" * 30, "٣", 1, None, ["1"]),
    "sid": ("1", "", None, 7),
    "app": ("1", "", None),
    "aud": ("other", "", None, ["rookery"], ["other", "rookery"], "rookery "),
    "iss": ("someone", "", None, "https://rookery-auth", "rookery-auth "),
    "exp": (1, 0, -1, "9999999999", 99_999_999_999, None, True, 1e12),
    "iat": (99_999_999_999, "1", None, -1),
    "nbf": (99_999_999_999,),
    "scope": ("read write admin:write", "", None, ["read"]),
    "roles": (["admin"], "admin", None, [1]),
    "permissions": (["administrator"], "administrator", [1]),
    "purpose": ("password-reset",),
}


def forgeries(good: str, jwks: str) -> list[Forgery]:
    """More than 200 of them, each with what was done; `jwks` is what auth publishes."""
    token = _Token(good, jwks)
    made = [*token.algorithms(), *token.keys(), *token.headers(), *token.claims(), *token.shapes()]
    distinct = {forged: what for what, forged in made if forged != good}
    return [(what, forged) for forged, what in distinct.items()]


class _Token:
    """A good token taken apart, and an attacker's own key."""

    def __init__(self, good: str, jwks: str) -> None:
        self._good = good
        self._parts = good.split(".")
        self._header: dict[str, Any] = json.loads(_decode(self._parts[0]))
        self._claims: dict[str, Any] = json.loads(_decode(self._parts[1]))
        self._published = json.loads(jwks)["keys"]
        self._key = Ed25519PrivateKey.generate()

    def algorithms(self) -> Iterator[Forgery]:
        """No signature, another algorithm's name, and the public key as a secret (key confusion)."""
        for name in _NONE:
            for signature in ("", self._parts[2]):
                yield f"alg {name!r}", f"{_encode({**self._header, 'alg': name})}.{self._parts[1]}.{signature}"
        for name in _OTHER_ALGORITHMS:
            yield f"alg {name!r}, own signature", self._with_header(alg=name)
            yield f"alg {name!r}, good signature", f"{_encode({**self._header, 'alg': name})}.{self._tail()}"
        for label, secret in self._secrets():
            for name, digest in _HASHES.items():
                sign = _hmac(secret, digest)
                yield f"{name} by {label}", self._signed({**self._header, "alg": name}, self._claims, sign)
            yield f"HMAC by {label}, honest alg", self._signed(self._header, self._claims, _hmac(secret, "sha256"))

    def keys(self) -> Iterator[Forgery]:
        """A key of the attacker's, offered in every way that a header has."""
        public = self._key.public_key()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": _text(public.public_bytes_raw())}
        address = "https://evil.example/jwks.json"
        offers: dict[str, Any] = {"jku": address, "x5u": address, "jwk": jwk, "x5c": [_text(_der(public))], "x5t": "a"}
        for name, value in offers.items():
            yield f"{name} offered", self._with_header(**{name: value})
            yield f"{name} offered, no kid", self._with_header(**{name: value, "kid": None})
            yield f"{name} offered, good signature", f"{_encode({**self._header, name: value})}.{self._tail()}"
        for kid in _KIDS:
            yield f"kid {str(kid)[:20]!r}", self._with_header(kid=kid)
        yield "another key of the right name", self._signed(self._header, self._claims, self._key.sign)

    def headers(self) -> Iterator[Forgery]:
        """Types of other tokens, and extensions that must be understood."""
        for kind in _TYPES:
            yield f"typ {kind!r}", self._with_header(typ=kind)
            yield f"typ {kind!r}, good signature", f"{_encode({**self._header, 'typ': kind})}.{self._tail()}"
        for name, value in {"crit": ["exp"], "b64": False, "zip": "DEF", "cty": "JWT", "enc": "A256GCM"}.items():
            yield f"{name} set", self._with_header(**{name: value})

    def claims(self) -> Iterator[Forgery]:
        """What the attacker would like to be, under the good signature and under one of their own."""
        for name, values in _CLAIMS.items():
            for value in values:
                changed = {**self._claims, name: value}
                yield f"{name}={value!r}, good signature", f"{self._parts[0]}.{_encode(changed)}.{self._parts[2]}"
                yield f"{name}={value!r}, own signature", self._signed(self._header, changed, self._key.sign)

    def shapes(self) -> Iterator[Forgery]:
        """Truncated, doubled, swapped, padded, and spelled otherwise."""
        good, (header, claims, signature) = self._good, self._parts
        for length in range(0, len(good), max(1, len(good) // 24)):
            yield f"truncated to {length}", good[:length]
            yield f"without its first {length + 1}", good[length + 1 :]
        for part, text in enumerate(self._parts):
            for what, changed in (("empty", ""), ("padded", text + "="), ("with a bit flipped", _flip(text))):
                yield f"part {part} {what}", ".".join([*self._parts[:part], changed, *self._parts[part + 1 :]])
        yield "signature of zeros", f"{header}.{claims}.{_text(bytes(64))}"
        yield "signature twice", f"{good}.{signature}"
        yield "swapped", f"{claims}.{header}.{signature}"
        yield "JWE", f"{header}.{claims}.{signature}.{claims}.{signature}"
        yield "JSON", json.dumps({"protected": header, "payload": claims, "signature": signature})
        deep = _text(b"[" * 2000)
        yield "header nested deeply", f"{deep}.{claims}.{signature}"
        yield "claims nested deeply", f"{header}.{deep}.{signature}"
        yield "two tokens", f"{good},{good}"
        yield "too long", good + "A" * 5000
        for text in ("null", "undefined", ".", "..", "...", "a.b.c", "e30.e30.e30", "Bearer", "0", "{}", "[]"):
            yield f"text {text!r}", text
        for space in (" ", "%20", "+", "/"):
            yield f"{space!r} within", good.replace(".", f".{space}", 1)

    def _secrets(self) -> Iterator[tuple[str, bytes]]:
        yield "nothing", b""
        yield "a guess", b"secret"
        for key in self._published:
            public = Ed25519PublicKey.from_public_bytes(_decode(key["x"]))
            yield "the raw public key", public.public_bytes_raw()
            yield "the public key as PEM", public.public_bytes(Encoding.PEM, _SPEC)
            yield "the public key as DER", _der(public)
            yield "the published x", key["x"].encode()
            yield "the published key", json.dumps(key).encode()
            yield "the key's id", key["kid"].encode()

    def _with_header(self, **changed: Any) -> str:
        return self._signed({**self._header, **changed}, self._claims, self._key.sign)

    @staticmethod
    def _signed(header: dict[str, Any], claims: dict[str, Any], sign: Sign) -> str:
        body = f"{_encode(header)}.{_encode(claims)}"
        return f"{body}.{_text(sign(body.encode()))}"

    def _tail(self) -> str:
        return f"{self._parts[1]}.{self._parts[2]}"


def _hmac(secret: bytes, digest: str) -> Sign:
    return lambda body: hmac.digest(secret, body, digest)


def _der(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, _SPEC)


def _flip(part: str) -> str:
    data = _decode(part)
    return _text(bytes([data[0] ^ 1]) + data[1:])


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())
