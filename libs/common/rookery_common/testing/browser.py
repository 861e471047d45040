"""A browser that is pushed to: what its push service is handed, decrypted as it would (RFC 8291)."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVE = ec.SECP256R1()


class PushedBrowser:
    """Its keys, and a push service of its own on this machine that answers with `status`."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | None = None, auth: bytes = b"") -> None:
        self._key = key or ec.generate_private_key(_CURVE)
        self.auth = auth or secrets.token_bytes(16)
        self.p256dh = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.requests: Queue[tuple[dict[str, str], bytes]] = Queue()
        self.status = 201
        self.endpoint = ""

    @property
    def keys(self) -> dict[str, str]:
        """As a client sends them."""
        return {"p256dh": _text(self.p256dh), "auth": _text(self.auth)}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While its push service is up."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}/send/{secrets.token_hex(8)}"
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def decrypted(self, body: bytes) -> bytes:
        """What was encrypted for it. Raises InvalidTag for anything else."""
        salt, length = body[:16], body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, sender))
        info = b"WebPush: info\x00" + self.p256dh + sender
        secret = HKDF(SHA256(), 32, salt=self.auth, info=info).derive(shared)
        key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\x00").derive(secret)
        nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\x00").derive(secret)
        padded = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x00")
        if not padded.endswith(b"\x02"):
            raise ValueError("not the last record")
        return padded[:-1]

    def next(self, seconds: float = 30.0) -> tuple[dict[str, str], dict[str, Any]]:
        """The headers, by lower-case names, and the payload of the next push. Raises queue.Empty."""
        headers, body = self.requests.get(timeout=seconds)
        payload: dict[str, Any] = json.loads(self.decrypted(body))
        return headers, payload


def _handler(browser: PushedBrowser) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            browser.requests.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(browser.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    return Handler


def _text(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()
