"""Timelines of everybody: who is shown what of them, in pages that name each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2
import pytest
import pytest_asyncio

from gateway_service.compose.for_you import ForYou
from gateway_service.routers.timelines import Timelines
from gateway_service.web import build_web
from rookery.user.v1.filter_service_pb2 import FILTER_ACTION_HIDE, FILTER_CONTEXT_PUBLIC, Filter, FilterKeyword

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
PUBLIC, CATS = "/api/v1/timelines/public", "/api/v1/timelines/tag/Cats"
BOBS = {"authorization": "Bearer bobs-token"}


@pytest.fixture(autouse=True)
def people(world: World) -> None:
    """Bob has a post of his own and one of each of the others."""
    for number, (account_id, username) in enumerate([(ALICE, "a"), (BOB, "b"), (CAROL, "c"), (DAN, "d")], start=1):
        world.account(account_id, username)
        world.publish(world.post(number, account_id, text=f"By {username}"))
        world.relate(BOB, account_id)
    world.opaque["bobs-token"] = world.tokens.identity(BOB)


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    router = Timelines(
        gateway.composer, ForYou(gateway.clients, gateway.composer), gateway.exchange, gateway.settings
    ).router
    transport = httpx2.ASGITransport(app=build_web(gateway.settings, [router]))
    async with httpx2.AsyncClient(transport=transport, base_url="https://rookery.test") as client:
        yield client


async def shown(http: httpx2.AsyncClient, path: str = PUBLIC, **more: object) -> list[str]:
    answer = await http.get(path, **more)  # type: ignore[arg-type]  # as httpx2 has it
    assert answer.status_code == 200, answer.text
    return [status["id"] for status in answer.json()]


@pytest.mark.parametrize("path", [PUBLIC, CATS])
async def test_everybody_is_shown_all_of_it(http: httpx2.AsyncClient, path: str) -> None:
    assert await shown(http, path) == await shown(http, path, headers=BOBS) == ["4", "3", "2", "1"]


@pytest.mark.parametrize("what", ["blocking", "blocked_by", "muting"])
async def test_nobody_is_shown_whom_they_avoid_or_who_avoids_them(
    world: World, http: httpx2.AsyncClient, what: str
) -> None:
    world.relate(BOB, CAROL, **{what: True})
    assert await shown(http, headers=BOBS) == ["4", "2", "1"]
    assert await shown(http) == ["4", "3", "2", "1"]


async def test_a_filter_for_public_timelines_hides_what_it_meets(world: World, http: httpx2.AsyncClient) -> None:
    keyword = FilterKeyword(keyword_id=2, keyword="by")
    hides = Filter(filter_id=1, contexts=[FILTER_CONTEXT_PUBLIC], action=FILTER_ACTION_HIDE, keywords=[keyword])
    world.filters.append(hides)
    assert await shown(http, headers=BOBS) == ["2"]  # one's own is never taken away


async def test_what_post_does_not_show_is_made_up_for(world: World, http: httpx2.AsyncClient) -> None:
    world.hidden.add(4)
    assert await shown(http, params={"limit": 2}) == ["3", "2"]


async def test_it_is_paged_by_links_that_keep_what_was_asked_for(http: httpx2.AsyncClient) -> None:
    answer = await http.get(CATS, params={"limit": 2, "any[]": "dogs"})
    assert [status["id"] for status in answer.json()] == ["4", "3"]
    base = "<https://rookery.test/api/v1/timelines/tag/Cats?limit=2&any%5B%5D=dogs"
    assert answer.headers["link"] == f'{base}&max_id=3>; rel="next", {base}&min_id=4>; rel="prev"'
    assert await shown(http, params={"max_id": 3}) == ["2", "1"]
    assert await shown(http, params={"min_id": 2, "limit": 1}) == ["3"]


async def test_a_page_without_anything_says_where_to_go_on(world: World, http: httpx2.AsyncClient) -> None:
    world.looked_in_vain_to = 77
    answer = await http.get(PUBLIC, params={"only_media": "true"})
    assert answer.json() == []
    assert answer.headers["link"] == f'<https://rookery.test{PUBLIC}?only_media=true&max_id=77>; rel="next"'
    answer = await http.get(PUBLIC, params={"min_id": "5"})
    assert answer.headers["link"].endswith('min_id=77>; rel="prev"')
    assert len(world.called("ListPublicTimeline")) == 2


async def test_hashtags_are_passed_on_as_they_are_asked_for(world: World, http: httpx2.AsyncClient) -> None:
    await shown(http, f"{CATS}?any[]=Dogs&any[]=%23&all[]=x&none[]=y&only_media=true")
    await shown(http, PUBLIC)
    assert world.called("ListPublicTimeline") == [(["Cats", "Dogs"], ["x"], ["y"], True), ([], [], [], False)]


async def test_there_are_no_posts_of_other_servers(world: World, http: httpx2.AsyncClient) -> None:
    assert await shown(http, params={"remote": "true"}) == []
    assert not world.called("ListPublicTimeline")
    assert len(await shown(http, params={"local": "true"})) == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/%23", "hashtag"),
        (f"/{'x' * 101}", "hashtag"),
        (f"/cats?any[]={'x' * 101}", "any"),
        ("/cats?" + "&".join(["all[]=x"] * 5), "all"),
        ("/cats?only_media=perhaps", "only_media"),
        ("/cats?limit=0", "limit"),
    ],
)
async def test_bad_input_is_refused_by_its_name(http: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await http.get(f"/api/v1/timelines/tag{query}")
    assert answer.status_code == 422
    assert answer.json()["details"][field]


async def test_a_token_without_the_scope_is_refused(world: World, http: httpx2.AsyncClient) -> None:
    world.opaque["writers-token"] = world.tokens.identity(BOB, scopes=("write",))
    headers = {"authorization": "Bearer writers-token"}
    assert (await http.get(PUBLIC, headers=headers)).status_code == 403
