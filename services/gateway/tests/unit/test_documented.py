"""Every route that Mastodon documents is served, or is on the list of those that answer 404; and answers so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.app import build
from gateway_service.server import HttpServer
from rookery_common.app import Role

if TYPE_CHECKING:
    from gateway_fakes.world import World

LIST = Path(__file__).parents[2] / "documented_routes.txt"
OWNERS = frozenset(
    {"gateway", "auth", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation"}
)
Key = tuple[str, str]


def lines() -> Iterator[tuple[Key, str, str]]:
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            route, _, why = line.partition(" 404: ")
            method, path, owner = route.split()
            yield (method, path), owner, why


def shape(path: str) -> str:
    return re.sub(r"{\w+}|:\w+", "*", path)


DOCUMENTED = {(method, shape(path)): why for (method, path), _, why in lines()}


@pytest.fixture(scope="module")
def served() -> frozenset[Key]:
    """What the process serves, as it is built; nothing of it is started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_MASTER_KEY", "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=")
        gateway = build(frozenset({Role.SERVE}))
    web: Any = next(each for each in gateway._components if isinstance(each, HttpServer)).web
    while not hasattr(web, "routes"):
        web = web._app
    return frozenset(
        (method, shape(route.path)) for route in web.routes for method in getattr(route, "methods", None) or {"GET"}
    )


def test_each_documented_route_has_one_line_and_an_owner() -> None:
    assert len(DOCUMENTED) == len(list(lines()))
    assert {owner for _, owner, _ in lines()} <= OWNERS
    assert len(DOCUMENTED) > 250


def test_documented_route_is_served_or_has_a_reason_not_to_be(served: frozenset[Key]) -> None:
    assert [key for key, why in DOCUMENTED.items() if not why and key not in served] == []


def test_served_route_of_mastodons_api_is_documented(served: frozenset[Key]) -> None:
    assert [key for key in served if key[1].startswith(("/api/v1", "/api/v2")) and key not in DOCUMENTED] == []


async def test_route_that_is_not_served_is_not_found(
    http: httpx2.AsyncClient, world: World, served: frozenset[Key]
) -> None:
    _, headers = world.newcomer("alice")
    # Where another route's parameter takes the name in (accounts/:id), it is that route's to find nothing.
    taken = [(method, re.compile(path.replace("*", "[^/]+"))) for method, path in served]
    for (method, path), _, why in lines():
        address = re.sub(r":\w+", "1", path)
        if not why or any(method == each and pattern.fullmatch(address) for each, pattern in taken):
            continue
        answer = await http.request(method, address, headers=headers)
        assert (answer.status_code, answer.json()) == (404, {"error": "Not found"}), path
