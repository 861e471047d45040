"""Keyset paging: signed cursors of our own, and the page parameters of the public API."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from rookery_common.errors import FieldViolation, InvalidArgument
from rookery_common.ids import MAX_ID

MAC_BYTES = 16
MAX_CURSOR_CHARS = 1024
MAX_LIMIT = 400
CursorValues = dict[str, int | str]


class InvalidCursor(InvalidArgument):
    """The cursor was not made by us, or for another list or viewer."""

    reason = "INVALID_CURSOR"

    def __init__(self) -> None:
        description = "is not a cursor of this list"
        super().__init__(f"cursor {description}", fields=[FieldViolation("cursor", "ERR_INVALID", description)])


class CursorCodec:
    """Makes and reads opaque cursors, bound by HMAC-SHA256 to one route and one viewer."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, route: str, viewer: int, values: Mapping[str, int | str]) -> str:
        body = json.dumps(dict(values), separators=(",", ":"), sort_keys=True).encode()
        cursor = base64.urlsafe_b64encode(self._mac(route, viewer, body) + body).rstrip(b"=").decode()
        if len(cursor) > MAX_CURSOR_CHARS:
            raise ValueError("the values are too long for a cursor")
        return cursor

    def decode(self, route: str, viewer: int, cursor: str) -> CursorValues:
        """The values that were encoded. Raises InvalidCursor for anything but the exact text that `encode` gave."""
        if len(cursor) > MAX_CURSOR_CHARS or not cursor.isascii():
            raise InvalidCursor
        try:
            data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raise InvalidCursor from None
        mac, body = data[:MAC_BYTES], data[MAC_BYTES:]
        # Base64 has several spellings of the same bytes (unused bits, skipped characters): only ours is accepted.
        canonical = base64.urlsafe_b64encode(data).rstrip(b"=").decode() == cursor
        if not hmac.compare_digest(mac, self._mac(route, viewer, body)) or not canonical:
            raise InvalidCursor
        values: CursorValues = json.loads(body)
        return values

    def _mac(self, route: str, viewer: int, body: bytes) -> bytes:
        scope = json.dumps([route, viewer]).encode()
        message = len(scope).to_bytes(4, "big") + scope + body
        return hmac.digest(self._key, message, hashlib.sha256)[:MAC_BYTES]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list ordered by id, newest first: below `max_id`, above `since_id`, or just above `min_id`.

    The bounds may be any ids, of things that exist or not.
    """

    limit: int
    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise _out_of_range("limit", f"must be between 1 and {MAX_LIMIT}")
        for name, value in (("max_id", self.max_id), ("since_id", self.since_id), ("min_id", self.min_id)):
            if value is not None and not 0 <= value <= MAX_ID:
                raise _out_of_range(name, "is not an id")


def _out_of_range(field: str, description: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {description}", fields=[FieldViolation(field, "ERR_INVALID", description)])
