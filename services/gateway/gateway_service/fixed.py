"""Answers that are the same for everybody: made once, with their ETag, and compressed once where that pays."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.errors import JSON
from gateway_service.etags import DIGEST_BYTES, names

# Below it, and of what is compressed already, hardly a packet is saved.
MIN_COMPRESSED_BYTES: Final = 1_024
_COMPRESSIBLE: Final = ("application/json", "text/")


class Fixed:
    """One such answer; shared caches may keep it for `seconds`, and show it a while longer while they ask anew."""

    def __init__(
        self, body: bytes, media_type: str = JSON, *, seconds: int, headers: Mapping[str, str] | None = None
    ) -> None:
        self._media_type = media_type
        common = {
            **(headers or {}),
            "cache-control": f"public, max-age={seconds}, stale-while-revalidate={seconds * 10}",
        }
        digest = hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()
        self._plain = body, {**common, "etag": f'"{digest}"'}
        self._gzipped: tuple[bytes, dict[str, str]] | None = None
        if len(body) >= MIN_COMPRESSED_BYTES and media_type.startswith(_COMPRESSIBLE):
            common["vary"] = self._plain[1]["vary"] = "accept-encoding"
            # Another representation has another tag (RFC 9110, 8.8.3.3).
            headers_of_it = {**common, "etag": f'"{digest}-gzip"', "content-encoding": "gzip"}
            self._gzipped = gzip.compress(body, 9, mtime=0), headers_of_it

    async def __call__(self, request: Request) -> Response:
        """The answer, or 304 where the client has it."""
        body, headers = self._plain
        if self._gzipped is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
            body, headers = self._gzipped
        if names(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers, self._media_type)


def _takes_gzip(accepted: str) -> bool:
    """Unless it is not named, or named with a weight of 0."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.strip() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
