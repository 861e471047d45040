"""Each service stopped in turn: what does not need it goes on, what does says when to try again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

# Of each service a route that needs it, and what goes on without it.
NEEDS = {
    "user": ("POST", "/api/v1/accounts/{alice}/follow"),
    "post": ("GET", "/api/v1/accounts/{alice}/statuses"),
    "auth": ("GET", "/api/v1/apps/verify_credentials"),
}
GOES_ON = {
    "user": ["/api/v2/instance"],
    "post": ["/api/v2/instance", "/api/v1/accounts/{alice}"],
    "feed": ["/api/v2/instance", "/api/v1/accounts/{alice}", "/api/v1/accounts/{alice}/statuses"],
    "auth": ["/api/v2/instance", "/api/v1/accounts/{alice}"],
}


@pytest.mark.parametrize("service", NEEDS)
async def test_what_needs_a_service_that_is_away_says_when_to_try_again(
    http: httpx2.AsyncClient, world: World, service: str
) -> None:
    alice, _ = world.newcomer("alice")
    _, bob = world.newcomer("bob")
    method, path = NEEDS[service]
    await http.get("/api/v1/preferences", headers=bob)  # the token is known from now on
    getattr(world, service).failure = Unavailable("Restarting.")
    answer = await http.request(method, path.format(alice=alice), headers=bob)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("service", GOES_ON)
async def test_what_does_not_need_it_goes_on(http: httpx2.AsyncClient, world: World, service: str) -> None:
    alice, _ = world.newcomer("alice")
    _, bob = world.newcomer("bob")
    for path in GOES_ON[service]:
        before = await http.get(path.format(alice=alice), headers=bob)
        getattr(world, service).failure = Unavailable("Restarting.")
        answer = await http.get(path.format(alice=alice), headers=bob)
        getattr(world, service).failure = None
        assert (answer.status_code, answer.content) == (200, before.content), path


async def test_a_post_is_made_while_feed_is_away_and_says_what_comes_later(
    http: httpx2.AsyncClient, world: World
) -> None:
    _, bob = world.newcomer("bob")
    world.feed.failure = Unavailable("Restarting.")
    answer = await http.post("/api/v1/statuses", data={"status": "Hello"}, headers=bob)
    assert answer.status_code == 200
    assert answer.headers["x-rookery-degraded"] == "own-post"
    world.feed.failure = None
    whole = await http.post("/api/v1/statuses", data={"status": "Hello again"}, headers=bob)
    assert "x-rookery-degraded" not in whole.headers
