"""`Link` headers keep what was asked for, and nothing can break out of them."""

from __future__ import annotations

import httpx2
import pytest
from starlette.requests import Request

from gateway_service.paging import link_header


def links(query: bytes, older: int | str | None = 5, newer: int | None = 9) -> dict[str, str]:
    request = Request({"type": "http", "path": "/api/v1/list", "query_string": query, "headers": []})
    headers = link_header("https://nest.example", request, older=older, newer=newer)
    parsed = httpx2.Response(200, headers=headers).links
    return {str(relation): link["url"] for relation, link in parsed.items()}


def test_both_directions_are_named() -> None:
    assert links(b"") == {
        "next": "https://nest.example/api/v1/list?max_id=5",
        "prev": "https://nest.example/api/v1/list?min_id=9",
    }


def test_other_parameters_are_kept_and_bounds_replaced() -> None:
    found = links(b"limit=2&max_id=100&since_id=1&id[]=7&q=a%26b+c&access_token=secret")
    assert found["next"] == "https://nest.example/api/v1/list?limit=2&id[]=7&q=a%26b+c&max_id=5"
    assert "secret" not in found["prev"]


def test_nothing_is_named_where_there_is_nothing() -> None:
    assert links(b"limit=2", None, None) == {}
    assert list(links(b"limit=2", None)) == ["prev"]


@pytest.mark.parametrize("query", [b'q=">; rel="next', b"q=<a>,<b>", b"q=\xff\x00", b"q=a b", b"&&&", b"==="])
def test_odd_queries_stay_inside(query: bytes) -> None:
    found = links(query, "a/b>c", 9)
    assert list(found) == ["next", "prev"]
    assert found["next"].endswith("max_id=a%2Fb%3Ec")
