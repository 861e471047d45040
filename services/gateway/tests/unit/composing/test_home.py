"""A home, in pages that name each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2
import pytest
import pytest_asyncio

from gateway_service.compose.for_you import ForYou
from gateway_service.routers.timelines import Timelines
from gateway_service.web import build_web
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.user.v1.account_pb2 import Account
from rookery.user.v1.events_pb2 import AccountUpdated
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError, Internal, Unavailable
from rookery_common.kafka.events import new_event

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB = 101, 102
PATH = "/api/v1/timelines/home"


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    world.account(ALICE, "alice")
    world.account(BOB, "bob")
    world.follow(BOB, ALICE)
    world.opaque["bobs-token"] = world.tokens.identity(BOB)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    router = Timelines(
        gateway.composer, ForYou(gateway.clients, gateway.composer), gateway.exchange, gateway.settings
    ).router
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, [router]))
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test") as client:
        yield client


async def test_a_home_is_paged_by_links(world: World, http: httpx2.AsyncClient) -> None:
    http.headers["authorization"] = "Bearer bobs-token"
    for post_id in range(1, 6):
        world.entry(BOB, world.post(post_id, ALICE))
    answer = await http.get(PATH, params={"limit": 2})
    assert [status["id"] for status in answer.json()] == ["5", "4"]
    assert answer.headers["link"] == (
        '<https://rookery.test/api/v1/timelines/home?limit=2&max_id=4>; rel="next", '
        '<https://rookery.test/api/v1/timelines/home?limit=2&min_id=5>; rel="prev"'
    )
    last = await http.get(PATH, params={"limit": 2, "max_id": 2})
    assert [status["id"] for status in last.json()] == ["1"]
    assert 'rel="next"' not in last.headers["link"]
    newer = await http.get(PATH, params={"limit": 2, "min_id": 2})
    assert [status["id"] for status in newer.json()] == ["4", "3"]
    assert (await http.get(PATH, params={"limit": 0})).status_code == 422
    assert (await http.get(PATH, params={"max_id": "x"})).json()["details"]["max_id"]


async def test_a_home_needs_a_user(http: httpx2.AsyncClient) -> None:
    assert (await http.get(PATH)).status_code == 401


async def test_a_home_is_asked_for_with_followed_hashtags_until_they_change(
    world: World, gateway: Gateway, http: httpx2.AsyncClient
) -> None:
    http.headers["authorization"] = "Bearer bobs-token"
    world.followed_tags = ["dogs", "cats"]
    for _ in range(2):
        await http.get(PATH)
    assert world.home_tags == [["cats", "dogs"]] * 2
    assert len(world.called("ListFollowedTags")) == 1
    world.followed_tags = []
    gateway.cache.tags.drop(BOB)
    await http.get(PATH)
    assert world.home_tags[-1] == []


async def test_homes_that_are_asked_for_at_once_share_each_call_and_nothing_else(
    world: World, http: httpx2.AsyncClient
) -> None:
    for account_id, name in ((103, "carol"), (104, "dan")):
        world.account(account_id, name)
        world.opaque[f"{name}s-token"] = world.tokens.identity(account_id)
    world.follow(103, ALICE)
    world.relate(103, ALICE, muting=True)
    world.follow(104, BOB)
    for reader, author in ((BOB, ALICE), (103, ALICE), (104, BOB)):
        world.entry(reader, world.post(author, author))
    names = ("bob", "carol", "dan")
    for _ in range(2):  # the first time posts and accounts are not held yet
        headers = [{"authorization": f"Bearer {name}s-token"} for name in names]
        answers = await asyncio.gather(*(http.get(PATH, headers=each) for each in headers))
        shown = [[status["account"]["username"] for status in answer.json()] for answer in answers]
        assert shown == [["alice"], [], ["bob"]]


async def test_the_own_account_is_asked_for_only_where_it_may_have_changed(
    world: World, gateway: Gateway, http: httpx2.AsyncClient
) -> None:
    http.headers["authorization"] = "Bearer bobs-token"
    world.entry(BOB, world.post(1, BOB))
    told = AccountUpdated(account=Account(account_id=BOB, version=1))
    event = new_event("user.events.v1", str(BOB), told, version=1, clock=SystemClock(), source="user")

    async def shown(display_name: str) -> int:
        """How often it was asked for, to be shown so."""
        world.asked.clear()
        [status] = (await http.get(PATH)).json()
        assert status["account"]["display_name"] == display_name
        return len(world.called("BatchGetAccounts"))

    def rename(display_name: str) -> None:
        world.accounts[BOB].display_name = display_name
        world.accounts[BOB].version += 1

    rename("Bob")
    assert await shown("Bob") == 1
    assert await shown("Bob") == 1, "nobody says whether it has changed"
    world.epochs[BOB] = b"first"
    assert [await shown("Bob") for _ in range(3)] == [1, 0, 0]
    rename("Robert")
    world.epochs[BOB] = b"second"
    assert [await shown("Robert") for _ in range(3)] == [1, 0, 0]
    await gateway.cache.handle(event)
    assert await shown("Robert") == 1, "an event may tell of what the epoch says nothing of"
    world.epochs.clear()
    world.failures["BatchGetAccounts"] = Unavailable("away")
    assert (await http.get(PATH)).headers["x-rookery-degraded"] == "names"
    world.failures.clear()
    rename("Rob")
    world.epochs[BOB] = b"third"
    assert await shown("Rob") == 1


async def test_a_post_of_the_release_before_is_asked_again_as_it_knows_it(
    world: World, http: httpx2.AsyncClient
) -> None:
    http.headers["authorization"] = "Bearer bobs-token"
    world.entry(BOB, world.post(1, ALICE))
    world.has_older_post = True
    for _ in range(2):
        assert [status["id"] for status in (await http.get(PATH)).json()] == ["1"]
    asked = world.called("BatchGetPosts")
    assert asked[0] == [], "it looked at nothing"
    assert asked[1:] == [[(1, 0)], [(1, 1)]], "and for a while it is not asked so again"


@pytest.mark.parametrize("failure", [Unavailable("away"), Internal("an older release knows no such method")])
async def test_a_home_is_answered_where_nobody_tells_which_hashtags_are_followed(
    world: World, http: httpx2.AsyncClient, failure: AppError
) -> None:
    world.entry(BOB, world.post(1, ALICE))
    world.failures["ListFollowedTags"] = failure
    answer = await http.get(PATH, headers={"authorization": "Bearer bobs-token"})
    assert [status["id"] for status in answer.json()] == ["1"]
    assert answer.headers["x-rookery-degraded"] == "followed-tags"


@pytest.mark.parametrize("what", [None, "blocking", "blocked_by", "muting", "exclusively_listed"])
async def test_a_post_that_a_hashtag_brings_is_shown_unless_its_author_is_avoided(
    world: World, http: httpx2.AsyncClient, what: str | None
) -> None:
    stranger = world.account(103, "carol")
    world.relate(BOB, stranger, **({what: True} if what else {}))
    world.entry(BOB, world.post(1, stranger), Reason.REASON_FOLLOWED_TAG)
    answer = await http.get(PATH, headers={"authorization": "Bearer bobs-token"})
    assert [status["id"] for status in answer.json()] == ([] if what else ["1"])
