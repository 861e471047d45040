"""What clients repeat a request with, so that it is done once."""

from __future__ import annotations

from dataclasses import dataclass

from user_service.errors import FieldInvalid

MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a client repeats a request with, and the digest of what was asked."""

    request_id: str
    digest: bytes

    def check(self) -> None:
        """Raises FieldInvalid."""
        if len(self.request_id) > MAX_CHARS or not self.request_id.isprintable():
            raise FieldInvalid("request_id", f"must be at most {MAX_CHARS} printable characters", "ERR_TOO_LONG")
