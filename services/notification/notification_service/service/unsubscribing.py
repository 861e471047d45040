"""Tokens in mails that end such mails: they say whose they are, are sealed, and hold for good."""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from notification_service.errors import WrongToken

ID_BYTES: Final = 8
SEAL_BYTES: Final = 16


class UnsubscribeTokens:
    """Needs no table: a token that was not made here, with this key, is refused."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, recipient_id: int) -> str:
        """Letters, digits, - and _."""
        body = recipient_id.to_bytes(ID_BYTES, "big")
        return urlsafe_b64encode(body + self._seal(body)).decode()

    def recipient(self, token: str) -> int:
        """Whose it is. Raises WrongToken."""
        try:
            recipient_id = int.from_bytes(urlsafe_b64decode(token.encode("ascii"))[:ID_BYTES], "big")
        except (UnicodeEncodeError, binascii.Error):
            raise WrongToken from None
        if not hmac.compare_digest(token, self.issue(recipient_id)):
            raise WrongToken
        return recipient_id

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:SEAL_BYTES]
