"""Each row of docs/degradation.md that the fakes can reach: without the RPC the route answers as the row says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import orjson
import pytest
from gateway_fakes.service import FakeService

import gateway_service
from gateway_service.degradation import FALLBACKS
from rookery.post.v1.post_pb2 import Post, Visibility
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

DOCUMENT = orjson.loads((Path(gateway_service.__file__).parent / "openapi.json").read_bytes())
BATCHED = {
    "batch_get_posts": "BatchGetPosts",
    "batch_get_accounts": "BatchGetAccounts",
    "batch_get_relationships": "BatchGetRelationships",
    "batch_get_home": "BatchGetHome",
}
POST_ID = 60_007
BODIES: dict[str, dict[str, Any]] = {
    "statuses_create": {"status": "Hello"},
    "apps_create": {"client_name": "Rook", "redirect_uris": "https://a.example/b"},
}
QUERIES = {
    "accounts_lookup": "?acct=alice",
    "accounts_list": "?id[]={alice}",
    "accounts_relationships": "?id[]={alice}",
}


class Switchboard:
    """Stands between the gateway and the fakes: which RPCs are made, and which one is away."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.away = ""
        for fake in [each for each in vars(world).values() if isinstance(each, FakeService)]:
            monkeypatch.setattr(fake, "call", self._through(fake.call))
        for name, rpc in BATCHED.items():
            monkeypatch.setattr(world, name, self._batched(getattr(world, name), rpc))

    def _through(self, call: Any) -> Any:
        async def made(method: str, request: Any, **options: Any) -> Any:
            if method != "ExchangeToken":  # which is remembered
                self._note(method)
            return await call(method, request, **options)

        return made

    def _batched(self, call: Any, rpc: str) -> Any:
        async def made(*arguments: Any) -> Any:
            self._note(rpc)
            return await call(*arguments)

        return made

    def _note(self, rpc: str) -> None:
        if rpc == self.away:
            raise Unavailable("Restarting.")
        self.made.append(rpc)


def routes(alice: int) -> Iterator[tuple[str, str, str, list[str]]]:
    """Name, method, address and the RPCs that the table has."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if operation.get("x-calls") and "/streaming" not in path and not path.startswith(("/auth/", "/oauth/")):
                known = POST_ID if path.startswith("/api/v1/statuses/") else alice
                name = operation["operationId"]
                address = re.sub(r"{\w+}", str(known), path) + QUERIES.get(name, "").format(alice=alice)
                yield name, method.upper(), address, operation["x-calls"]


def part_of(rpc: str, calls: list[str]) -> str:
    """What the answer goes without, where the route has another answer than a refusal."""
    named = [call for call in calls if call.endswith(f".{rpc}")]
    return next((each.part for each in FALLBACKS for call in named if each.holds(call, calls)), "")


async def test_without_each_rpc_a_route_answers_as_its_row_says(
    http: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = world.newcomer("alice")
    _, headers = world.newcomer("bob")
    switchboard = Switchboard(world, monkeypatch)
    rows = 0
    for name, method, address, calls in routes(alice):
        world.post.posts[POST_ID] = Post(
            post_id=POST_ID, author_id=alice, text="Hello", visibility=Visibility.VISIBILITY_PUBLIC, version=1
        )
        switchboard.made, switchboard.away = [], ""
        whole = await http.request(method, address, json=BODIES.get(name), headers=headers)
        for rpc in dict.fromkeys(switchboard.made if whole.status_code == 200 else ()):
            switchboard.away = rpc
            answer = await http.request(method, address, json=BODIES.get(name), headers=headers)
            parts, expected = answer.headers.get("x-rookery-degraded"), part_of(rpc, calls)
            told = (200, expected) if expected else (503, None)
            # What is remembered may be whole all the same, and then has nothing to say.
            remembered = bool(expected) and answer.content == whole.content
            assert (answer.status_code, parts) == told or remembered, f"{method} {address} without {rpc}"
            assert answer.status_code == 200 or int(answer.headers["retry-after"]) >= 1
            rows += 1
    assert rows >= 30
