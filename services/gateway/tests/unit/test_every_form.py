"""Every route that takes a body takes it in each form that clients use: JSON, urlencoded in Rails' way, multipart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx2
import orjson
import pytest
from gateway_fakes.service import FakeService
from gateway_fakes.world import World

import gateway_service
from gateway_service.clients import SERVICES
from rookery.post.v1.post_pb2 import Post, Visibility
from rookery_common.errors import Unavailable

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


DOCUMENT = orjson.loads((Path(gateway_service.__file__).parent / "openapi.json").read_bytes())
KEY = b"of-the-test"
# Of interactions the events' ids, of a sign-up what auth stores, are made from the key.
KEYED = {
    operation["operationId"]
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
    if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
} - {"interactions_create", "accounts_create"}
FORM_TYPES = {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
SCOPES = ("read", "write", "follow", "push", "profile", "admin:read", "admin:write")
# What no schema says of a value that a route looks at before it asks a service.
SAMPLES: dict[str, Any] = {
    "interactions": [{"post_id": "7", "kind": "open", "surface": "home"}, {"post_id": "8", "kind": "link"}],
    "keys": ["new_users", "new_posts"],
    "response_types": ["code"],
    "grant_types": ["authorization_code"],
    "token_endpoint_auth_method": "client_secret_post",
    "scope": "read write",
    "client_uri": "https://a.example",
    "start_at": "2026-03-01",
    "end_at": "2026-03-02",
    "redirect_uris": ["https://a.example/b", "https://a.example/c"],
    "scopes": "read write",
    "agreement": True,
    "in_reply_to_id": "7",
    "focus": "-0.5,0.25",
    "locale": "de",
    "language": "de",
    "grant_type": "authorization_code",
    "context": ["home", "public"],
    "keywords_attributes": [{"keyword": "crow", "whole_word": True}, {"keyword": "rook"}],
}
Asked = list[tuple[str, bytes]]


def sample(name: str, schema: dict[str, Any]) -> Any:
    """A value as the schema has it; texts are such that each form writes them in another way."""
    if name in SAMPLES:
        return SAMPLES[name]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [sample("", schema["items"]), sample("", schema["items"])]
    if schema.get("type") == "object":
        properties = schema.get("properties", {"id": {"pattern": ""}})  # no form can say that a group is empty
        return {key: sample(key, each) for key, each in properties.items()}
    if schema.get("type") == "boolean":
        return True
    if schema.get("type") == "integer":
        return schema.get("minimum", 0) + 1
    return "7" if "pattern" in schema else "Grüße & 50 % + 🐦"


def writes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every route that takes a body: its name in the document, method and path, and a body."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                properties = content["application/json"]["schema"].get("properties", {})
                body = {name: sample(name, schema) for name, schema in properties.items()}
                yield f"{method.upper()} {re.sub(r'{[^}]+}', '7', path)}", operation["operationId"], body


class Spy:
    """A service that takes note of what it is asked, and is away; tokens are exchanged all the same."""

    def __init__(self, asked: Asked, fake: FakeService | None) -> None:
        self._asked = asked
        self._fake = fake

    async def call(self, method: str, request: Any, **options: Any) -> Any:
        if method == "ExchangeToken" and self._fake is not None:
            return await self._fake.call(method, request, **options)
        self._asked.append((method, request.SerializeToString(deterministic=True)))
        raise Unavailable("Not here.")

    def __getattr__(self, name: str) -> Any:
        """What the fake holds."""
        return getattr(self._fake, name)

    async def send_all(self, events: list[Any]) -> None:
        self._asked += [(event.event_id, event.payload) for event in events]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What all services are asked from now on."""
    asked: Asked = []
    fakes = {name: each for name, each in vars(world).items() if isinstance(each, FakeService)}
    for name in {*SERVICES, *fakes, "producer"}:
        monkeypatch.setattr(world, name, Spy(asked, fakes.get(name)), raising=False)
    return asked


def test_every_route_that_takes_json_takes_forms_as_well() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            assert not content or "file" in str(content) or content.keys() >= FORM_TYPES, f"{method} {path}"


async def test_no_route_asks_for_anything_else_by_the_form_of_its_body(
    http: httpx2.AsyncClient, world: World, request: pytest.FixtureRequest
) -> None:
    alice, token = world.newcomer("alice", *SCOPES)
    world.post.posts[7] = Post(post_id=7, author_id=alice, text="Hello", visibility=Visibility.VISIBILITY_PUBLIC)
    headers = {**token, "idempotency-key": KEY.decode(), "x-request-id": "of-the-test"}
    app = {**headers, **world.app_headers()}
    asked: Asked = request.getfixturevalue("asked")
    reached, routes = set(), list(writes())
    for route, name, body in routes:
        method, path = route.split()
        found = []
        for encode in FORMS:
            content, kind = encode(body)
            who = app if route == "POST /api/v1/accounts" else headers
            asked.clear()
            answer = await http.request(method, path, content=content, headers={**who, "content-type": kind})
            found.append((answer.status_code, answer.headers.get("location"), [*asked]))
        assert found.count(found[0]) == len(FORMS), f"{route}: {found}"
        reached |= {name} if found[0][2] else set()
        if name in KEYED and found[0][2]:
            assert any(KEY in request for _, request in found[0][2]), f"{route} keeps the key to itself"
    # Pages want a form's own secret first, and some routes values that no schema tells: most must get to a service.
    others = {name for route, name, _ in routes if not route.startswith(("POST /auth/", "POST /oauth/authorize"))}
    assert len(others & reached) > 0.8 * len(others), sorted(others - reached)
