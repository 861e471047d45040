"""Every route that takes a body takes it in each form that clients use: JSON, urlencoded in Rails' way, multipart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx2
import orjson
import pytest
from gateway_fakes.world import World

Encode = Callable[[dict[str, Any]], tuple[bytes, str]]


def flat(values: Any, name: str = "") -> list[tuple[str, str]]:
    """Rails' names: `a[]` for lists, `a[b]` for groups."""
    if isinstance(values, dict):
        return [pair for key, each in values.items() for pair in flat(each, f"{name}[{key}]" if name else key)]
    if isinstance(values, list):
        return [pair for each in values for pair in flat(each, f"{name}[]")]
    return [(name, str(values).lower() if isinstance(values, bool) else str(values))]


def as_json(values: dict[str, Any]) -> tuple[bytes, str]:
    return orjson.dumps(values), "application/json"


def as_form(values: dict[str, Any]) -> tuple[bytes, str]:
    pairs = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in flat(values))
    return pairs.encode(), "application/x-www-form-urlencoded; charset=utf-8"


def as_bare_form(values: dict[str, Any]) -> tuple[bytes, str]:
    """Brackets as they are, as some clients write them."""
    return "&".join(f"{name}={quote_plus(value)}" for name, value in flat(values)).encode(), as_form({})[1]


def as_multipart(values: dict[str, Any]) -> tuple[bytes, str]:
    parts = "".join(
        f'--xYzZy\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in flat(values)
    )
    return f"{parts}--xYzZy--\r\n".encode(), "multipart/form-data; boundary=xYzZy"


FORMS = [as_json, as_form, as_bare_form, as_multipart]
# The path, what is sent, and what the service is asked for.
WRITES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "/api/v1/statuses",
        {"status": "Grüße & 50 % 🐦", "media_ids": ["11", "12"], "sensitive": True, "visibility": "unlisted"},
        "post.CreatePost",
        {"text": "Grüße & 50 % 🐦", "media_ids": [11, 12], "sensitive": True, "visibility": 2},
    ),
    (
        "/api/v1/accounts/{bob}/follow",
        {"reblogs": False, "notify": True, "languages": ["de", "en"]},
        "user.FollowAccount",
        {"reblogs": False, "notify": True, "languages": ["de", "en"]},
    ),
    (
        "/api/v1/apps",
        {"client_name": "Elk", "redirect_uris": ["https://a.example/b", "https://a.example/c"], "scopes": "read write"},
        "auth.CreateApp",
        {"name": "Elk", "redirect_uris": ["https://a.example/b", "https://a.example/c"], "scopes": ["read", "write"]},
    ),
]


@pytest.mark.parametrize("encode", FORMS)
@pytest.mark.parametrize(("path", "values", "call", "asked"), WRITES)
async def test_a_body_means_the_same_in_each_form(
    http: httpx2.AsyncClient,
    world: World,
    encode: Encode,
    path: str,
    values: dict[str, Any],
    call: str,
    asked: dict[str, Any],
) -> None:
    _, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    content, kind = encode(values)
    await http.post(path.format(bob=bob), content=content, headers={**headers, "content-type": kind})
    service, _, method = call.partition(".")
    [made] = getattr(world, service).made(method)
    found = {name: getattr(made.request, name) for name in asked}
    assert {name: list(value) if isinstance(asked[name], list) else value for name, value in found.items()} == asked


@pytest.mark.parametrize("encode", FORMS)
async def test_what_is_nested_too_deep_is_refused_in_each_form(
    http: httpx2.AsyncClient, world: World, encode: Encode
) -> None:
    _, headers = world.newcomer("alice")
    deep: Any = "x"
    for _ in range(20):
        deep = {"a": deep}
    content, kind = encode({"status": "hello", "poll": deep})
    answer = await http.post("/api/v1/statuses", content=content, headers={**headers, "content-type": kind})
    assert answer.status_code == 422
    assert "poll" in answer.json()["details"] or "nested" in answer.json()["error"]
    assert world.post.made("CreatePost") == []
