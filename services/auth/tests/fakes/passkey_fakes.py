"""Passkeys in memory, and an authenticator made of software, which answers wrongly where a test wants it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import cbor2
from auth_fakes import FakeAccountRepository
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auth_service.account_models import Passkey
from auth_service.repository.passkeys import PasskeyRepository

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class FakePasskeys(PasskeyRepository):
    """A dictionary by credential id."""

    def __init__(self, base: Any, accounts: FakeAccountRepository) -> None:
        self._base = base
        self._accounts = accounts
        self.known: dict[bytes, Passkey] = {}

    async def add(self, passkey: Passkey, most: int) -> bool:
        if passkey.credential_id in self.known or self._count(passkey.account_id) >= most:
            return False
        self.known[passkey.credential_id] = passkey
        self._counted()
        return True

    async def all(self, account_id: int, limit: int) -> list[Passkey]:
        found = [passkey for passkey in self.known.values() if passkey.account_id == account_id]
        return sorted(found, key=lambda passkey: (passkey.created_at, passkey.credential_id))[:limit]

    async def one(self, credential_id: bytes) -> Passkey | None:
        return self.known.get(credential_id)

    async def use(self, passkey: Passkey, sign_count: int, at: datetime) -> bool:
        known = self.known.get(passkey.credential_id)
        if (
            known is None
            or known.sign_count != passkey.sign_count
            or not (sign_count > known.sign_count or not sign_count)
        ):
            return False
        self.known[passkey.credential_id] = replace(known, sign_count=sign_count, used_at=at)
        return True

    async def remove(self, account_id: int, credential_id: bytes) -> bool:
        known = self.known.get(credential_id)
        has_password = bool(self._base.credentials[account_id].password_hash)
        if known is None or known.account_id != account_id or not (has_password or self._count(account_id) > 1):
            return False
        del self.known[credential_id]
        self._counted()
        return True

    async def remove_password(self, account_id: int) -> bool:
        if not self._count(account_id):
            return False
        self._base.credentials[account_id] = replace(self._base.credentials[account_id], password_hash="")
        return True

    def _count(self, account_id: int) -> int:
        return sum(passkey.account_id == account_id for passkey in self.known.values())

    def _counted(self) -> None:
        self._accounts.passkeys = dict(Counter(passkey.account_id for passkey in self.known.values()))


@dataclass
class Authenticator:
    """One key (ES256) of one person, who has shown it a finger."""

    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    flags: int = PRESENT | VERIFIED

    def make(self, options: str, **wrong: Any) -> str:
        """RegistrationResponseJSON."""
        asked = json.loads(options)
        client = self._client("webauthn.create", asked["challenge"], wrong)
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + self._public()
        data = self._data(asked["rp"]["id"], self.flags | ATTESTED, wrong) + attested
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": client, "attestationObject": statement})

    def sign(self, options: str, **wrong: Any) -> str:
        """AuthenticationResponseJSON."""
        asked = json.loads(options)
        self.count += 1
        client = self._client("webauthn.get", asked["challenge"], wrong)
        data = self._data(asked["rpId"], self.flags, wrong)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _client(self, kind: str, challenge: str, wrong: dict[str, Any]) -> bytes:
        values = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(values | {name: value for name, value in wrong.items() if name in values}).encode()

    def _data(self, rp_id: str, flags: int, wrong: dict[str, Any]) -> bytes:
        host = hashlib.sha256(str(wrong.get("rp_id", rp_id)).encode()).digest()
        count = int(wrong.get("count", self.count))
        return host + bytes([wrong.get("flags", flags)]) + count.to_bytes(4, "big")

    def _public(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return bytes(cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y}))

    def _answer(self, response: dict[str, bytes]) -> str:
        name = bytes_to_base64url(self.credential_id)
        assert base64url_to_bytes(name) == self.credential_id
        parts = {key: bytes_to_base64url(value) for key, value in response.items()}
        answer = {"id": name, "rawId": name, "type": "public-key", "response": parts, "clientExtensionResults": {}}
        return json.dumps(answer)
