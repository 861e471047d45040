"""Strong ETags of answers, by which a client that has one already is told so in few bytes."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.errors import JSON

DIGEST_BYTES = 16


def json_with_etag(request: Request, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """Ready bytes of JSON, or 304 where the request's If-None-Match names them."""
    tag = f'"{hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()}"'
    headers = {**(headers or {}), "ETag": tag, "Cache-Control": "private, no-cache"}
    if names(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)


def names(request: Request, tag: str) -> bool:
    """Whether the request's If-None-Match names the tag: then its client has the answer already."""
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return tag in known or "*" in known
