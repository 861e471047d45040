"""E-mail addresses: their normal form, their encryption, and the digest by which one is found."""

from __future__ import annotations

import re
import unicodedata

from auth_service.models import MAX_EMAIL_CHARS
from rookery_common.crypto import BlindIndex, FieldCipher, WrappedKey

_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PURPOSE = "email"


def parse_email(text: str) -> str | None:
    """The address without case, its domain in ASCII; None if it is none. People do not tell Alice@ from alice@."""
    local, at, domain = unicodedata.normalize("NFKC", text.strip()).rpartition("@")
    try:
        ascii_domain = domain.lower().encode("idna").decode()
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    if not at or not _LOCAL.fullmatch(local) or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    address = f"{local.lower()}@{ascii_domain}"
    return address if len(address) <= MAX_EMAIL_CHARS else None


class Emails:
    """Addresses never leave this in plain form but to who asks for one by account."""

    def __init__(self, cipher: FieldCipher, index: BlindIndex) -> None:
        self._cipher = cipher
        self._index = index

    def digest(self, address: str) -> bytes:
        """Of a parsed address."""
        return self._index.digest(address, _PURPOSE)

    def unconfirmed_digest(self, account_id: int) -> bytes:
        """What stands in for the digest while an account has confirmed no address: nobody is found by it."""
        return self._index.digest(str(account_id), "email:unconfirmed")

    def seal(self, account_id: int, address: str) -> tuple[bytes, bytes]:
        """A new data key for the account, wrapped, and the address under it."""
        key = self._cipher.new_data_key()
        return key, self._cipher.encrypt(key, address, _context(account_id))

    def seal_again(self, account_id: int, data_key: bytes, address: str) -> bytes:
        """Another address under the key that the account has."""
        return self._cipher.encrypt(WrappedKey(data_key), address, _context(account_id))

    def open(self, account_id: int, data_key: bytes, sealed: bytes) -> str:
        """The address again."""
        return self._cipher.decrypt(WrappedKey(data_key), sealed, _context(account_id))


def _context(account_id: int) -> str:
    return f"auth.credentials.email:{account_id}"
