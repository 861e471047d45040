"""`Link` headers."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request

from gateway_service.nesting import parse_pairs

_BOUNDS = frozenset({"max_id", "since_id", "min_id", "access_token"})


def link_header(public_url: str, request: Request, *, older: int | str | None, newer: int | None) -> dict[str, str]:
    """`rel="next"` below `older` and `rel="prev"` above `newer`, with the request's other parameters kept."""
    kept = [(name, value) for name, value in parse_pairs(request.scope["query_string"]) if name not in _BOUNDS]
    links = []
    for relation, name, bound in (("next", "max_id", older), ("prev", "min_id", newer)):
        if bound is not None:
            query = urlencode([*kept, (name, str(bound))])
            links.append(f'<{public_url}{request.scope["path"]}?{query}>; rel="{relation}"')
    return {"Link": ", ".join(links)} if links else {}
