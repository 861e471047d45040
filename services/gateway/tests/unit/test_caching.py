"""What a cache between clients and the gateway may keep: never anything that is somebody's own."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from starlette.types import ASGIApp

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

IDS = {"name": "pages.css"}
QUERIES = {
    "/api/v2/search": "?q=alice",
    "/api/v1/accounts/search": "?q=alice",
    "/api/v1/accounts/lookup": "?acct=alice",
}
PUBLIC = "/api/v2/instance"
# They last for good, or are pages with a form of their own.
STREAMS = "/api/v1/streaming"


class SharedCache:
    """As RFC 9111 has a CDN: keeps by address, and by what `Vary` names, what is public; knows nothing of tokens."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._kept: dict[str, httpx2.Response] = {}
        self.hits = 0

    async def get(self, path: str, headers: dict[str, str]) -> httpx2.Response:
        if path in self._kept:
            self.hits += 1
            return self._kept[path]
        answer = await self._http.get(path, headers=headers)
        if "public" in answer.headers["cache-control"]:
            self._kept[path] = answer
        return answer


class Away:
    """A service that there is no fake of."""

    async def call(self, *_args: Any, **_options: Any) -> Any:
        raise Unavailable("Not here.")


@pytest.fixture(autouse=True)
def away(world: World) -> None:
    for name in ("messaging", "notification", "moderation", "search", "analytics"):
        if not hasattr(world, name):
            setattr(world, name, Away())
    for name in ("list_notifications", "batch_get_home"):
        if not hasattr(world, name):
            setattr(world, name, Away().call)


@pytest.fixture
def paths(web: ASGIApp, world: World) -> list[str]:
    """Every route that is read, with the ids of things that there are."""
    app: Any = web
    while not hasattr(app, "routes"):
        app = app._app
    alice, _ = world.newcomer("alice")
    found = [
        r.path for r in app.routes if "GET" in (getattr(r, "methods", None) or ()) and not r.path.startswith(STREAMS)
    ]
    fill = lambda match: str(IDS.get(match[1], alice))  # noqa: E731
    return [re.sub(r"{(\w+)(?::\w+)?}", fill, path) + QUERIES.get(path, "") for path in found]


def asked_by(headers: dict[str, str]) -> dict[str, str]:
    """Some bodies name the request."""
    return {**headers, "X-Request-Id": "of-the-test"}


def essence(answer: httpx2.Response) -> tuple[int, bytes]:
    return answer.status_code, answer.content


async def test_two_people_behind_one_cache_see_each_what_they_would_without_it(
    http: httpx2.AsyncClient, world: World, paths: list[str]
) -> None:
    _, bob = world.newcomer("bob")
    _, carol = world.newcomer("carol")
    cache = SharedCache(http)
    assert len(paths) > 40
    for path in paths:
        for headers in (bob, carol, {}, bob):
            through, direct = await cache.get(path, asked_by(headers)), await http.get(path, headers=asked_by(headers))
            assert essence(through) == essence(direct), path
    assert cache.hits > 20  # some of it is public


async def test_what_is_public_is_the_same_for_everybody_and_sets_nothing(
    http: httpx2.AsyncClient, world: World, paths: list[str]
) -> None:
    _, bob = world.newcomer("bob")
    public = 0
    for path in paths:
        mine, anyones = await http.get(path, headers=bob), await http.get(path)
        if "public" in mine.headers["cache-control"]:
            public += 1
            assert essence(mine) == essence(anyones), path
            assert "set-cookie" not in mine.headers
            assert "etag" in mine.headers, path
        else:
            assert mine.headers["cache-control"].startswith(("private", "no-store")), path
    assert public >= 10


async def test_a_failure_is_kept_by_no_cache(http: httpx2.AsyncClient) -> None:
    for path in ("/api/v1/timelines/home", "/api/v1/nothing", "/assets/nothing.css", "/api/v1/accounts/1"):
        answer = await http.get(path)
        assert answer.status_code >= 400
        assert "no-store" in answer.headers["cache-control"]


async def test_a_client_that_has_it_is_told_so_in_few_bytes(http: httpx2.AsyncClient) -> None:
    first = await http.get(PUBLIC)
    again = await http.get(PUBLIC, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    assert (await http.get(PUBLIC, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_what_is_large_and_the_same_for_all_is_sent_compressed(http: httpx2.AsyncClient) -> None:
    plain = await http.get(PUBLIC, headers={"Accept-Encoding": "identity"})
    request = http.build_request("GET", PUBLIC, headers={"Accept-Encoding": "br, gzip"})
    packed = await http.send(request, stream=True)
    raw = b"".join([chunk async for chunk in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    refused = await http.get(PUBLIC, headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


async def test_pictures_are_not_compressed_again(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/avatars/original/missing.png", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert answer.content.startswith(b"\x89PNG")
