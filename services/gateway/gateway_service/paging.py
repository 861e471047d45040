"""`Link` headers."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

_BOUNDS = frozenset({b"max_id", b"since_id", b"min_id", b"access_token"})
_KEPT = "%=&+[]"


def link_header(public_url: str, request: Request, *, older: int | str | None, newer: int | None) -> dict[str, str]:
    """`rel="next"` below `older` and `rel="prev"` above `newer`, with the request's other parameters kept."""
    pieces = request.scope["query_string"].split(b"&")
    # As they were written, save for what would end the address.
    kept = quote(b"&".join(piece for piece in pieces if piece.partition(b"=")[0] not in _BOUNDS), safe=_KEPT)
    base = f"<{public_url}{request.scope['path']}?{kept}{'&' if kept else ''}"
    links = []
    if older is not None:
        links.append(f'{base}max_id={quote(str(older), safe="")}>; rel="next"')
    if newer is not None:
        links.append(f'{base}min_id={newer}>; rel="prev"')
    return {"Link": ", ".join(links)} if links else {}
