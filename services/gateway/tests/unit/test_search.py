"""Searches over HTTP: what search is asked for, and what is shown of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.post.v1.post_pb2 import Post
from rookery.search.v1.search_service_pb2 import (
    Hashtag,
    HashtagDay,
    SearchKind,
    SearchRequest,
    SearchResponse,
)
from rookery_common.auth import Identity
from rookery_common.errors import AppError, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL, ACCOUNTS_URL = "/api/v2/search", "/api/v1/accounts/search"
ACCOUNTS, STATUSES, HASHTAGS = SearchKind.values()[1:]


class FakeSearch:
    """Answers what it is told to; records what it is asked for, and by whom."""

    def __init__(self) -> None:
        self.answer = SearchResponse()
        self.failure: AppError | None = None
        self.asked: list[tuple[SearchRequest, int]] = []

    async def call(
        self, _method: str, request: SearchRequest, *, identity: Identity | None, **_options: Any
    ) -> SearchResponse:
        self.asked.append((request, identity.account_id if identity else 0))
        if self.failure is not None:
            raise self.failure
        return self.answer


@pytest.fixture(autouse=True)
def search(world: World) -> FakeSearch:
    cast(Any, world).search = FakeSearch()
    return cast(FakeSearch, cast(Any, world).search)


async def test_all_three_kinds_are_shown(http: httpx2.AsyncClient, world: World, search: FakeSearch) -> None:
    alice, headers = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    world.post.posts[7] = Post(post_id=7, author_id=bob, text="A rook")
    days = [HashtagDay(day=1_700_006_400, uses=3, accounts=2), HashtagDay(day=1_699_920_000)]
    search.answer = SearchResponse(
        account_ids=[bob, alice], post_ids=[7, 8], hashtags=[Hashtag(name="vögel", history=days)]
    )
    body = (await http.get(URL, params={"q": " rook ", "limit": "5"}, headers=headers)).json()
    assert [account["username"] for account in body["accounts"]] == ["bob", "alice"]
    assert [(status["id"], status["account"]["username"]) for status in body["statuses"]] == [("7", "bob")]
    assert body["hashtags"] == [
        {
            "name": "vögel",
            "url": "http://rookery.test/tags/v%C3%B6gel",
            "history": [
                {"day": "1700006400", "uses": "3", "accounts": "2"},
                {"day": "1699920000", "uses": "0", "accounts": "0"},
            ],
            "following": False,
        }
    ]
    assert search.asked == [(SearchRequest(query=" rook ", kinds=[ACCOUNTS, STATUSES, HASHTAGS], limit=5), alice)]


async def test_one_kind_is_asked_for_with_its_bounds(
    http: httpx2.AsyncClient, world: World, search: FakeSearch
) -> None:
    alice, headers = world.newcomer("alice")
    params = {
        "q": "rook",
        "type": "statuses",
        "offset": "40",
        "limit": "90",
        "account_id": "3",
        "max_id": "9",
        "min_id": "5",
        "resolve": "true",
        "exclude_unreviewed": "true",
    }
    assert (await http.get(URL, params=params, headers=headers)).status_code == 200
    wanted = SearchRequest(query="rook", kinds=[STATUSES], limit=40, offset=40, author_id=3, max_id=9, min_id=5)
    assert search.asked == [(wanted, alice)]


async def test_an_offset_counts_with_a_type_only(http: httpx2.AsyncClient, world: World, search: FakeSearch) -> None:
    _, headers = world.newcomer("alice")
    assert (await http.get(URL, params={"q": "rook", "offset": "20"}, headers=headers)).status_code == 200
    assert search.asked[0][0].offset == 0


async def test_a_stranger_finds_accounts_and_hashtags_only(http: httpx2.AsyncClient, search: FakeSearch) -> None:
    search.answer = SearchResponse(hashtags=[Hashtag(name="rook")])
    body = (await http.get(URL, params={"q": "rook", "following": "true"})).json()
    url = "http://rookery.test/tags/rook"
    assert body == {"accounts": [], "statuses": [], "hashtags": [{"name": "rook", "url": url, "history": []}]}
    assert search.asked == [(SearchRequest(query="rook", kinds=[ACCOUNTS, HASHTAGS], limit=20), 0)]
    empty = (await http.get(URL, params={"q": "rook", "type": "statuses"})).json()
    assert empty == {"accounts": [], "statuses": [], "hashtags": []}
    assert len(search.asked) == 1


@pytest.mark.parametrize(("name", "value"), [("resolve", "true"), ("offset", "20")])
async def test_a_stranger_neither_resolves_nor_pages(http: httpx2.AsyncClient, name: str, value: str) -> None:
    answer = await http.get(URL, params={"q": "rook", "type": "accounts", name: value})
    assert answer.status_code == 401
    assert answer.json()["error"].startswith("Search queries ")
    assert answer.json()["error"].endswith(" not supported without authentication")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "x", "type": "birds"}, "type"),
        ({"q": "x", "limit": "0"}, "limit"),
        ({"q": "x", "offset": "401"}, "offset"),
        ({"q": "x", "offset": "-1"}, "offset"),
        ({"q": "x", "account_id": "me"}, "account_id"),
        ({"q": "x", "max_id": "-1"}, "max_id"),
        ({"q": "x", "following": "maybe"}, "following"),
    ],
)
async def test_bad_input_is_named(
    http: httpx2.AsyncClient, world: World, search: FakeSearch, params: dict[str, str], field: str
) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.get(URL, params=params, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]
    assert search.asked == []


async def test_the_scope_is_asked_for(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read:accounts")
    assert (await http.get(URL, params={"q": "rook"}, headers=headers)).status_code == 403
    assert (await http.get(ACCOUNTS_URL, params={"q": "rook"}, headers=headers)).status_code == 200


async def test_accounts_are_searched_by_name(http: httpx2.AsyncClient, world: World, search: FakeSearch) -> None:
    alice, headers = world.newcomer("alice")
    search.answer = SearchResponse(account_ids=[alice])
    params = {"q": "ali", "limit": "80", "offset": "10", "following": "true", "resolve": "true"}
    found = (await http.get(ACCOUNTS_URL, params=params, headers=headers)).json()
    assert [account["username"] for account in found] == ["alice"]
    wanted = SearchRequest(query="ali", kinds=[ACCOUNTS], limit=40, offset=10, following=True)
    assert search.asked == [(wanted, alice)]
    assert (await http.get(ACCOUNTS_URL, params={"q": "ali"})).status_code == 401


async def test_search_away_is_told_at_once_and_hurts_nothing_else(
    http: httpx2.AsyncClient, world: World, search: FakeSearch, away: Unavailable
) -> None:
    alice, headers = world.newcomer("alice")
    search.failure = away
    for url in (URL, ACCOUNTS_URL):
        answer = await http.get(url, params={"q": "rook"}, headers=headers)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    assert (await http.get(f"/api/v1/accounts/{alice}", headers=headers)).status_code == 200
