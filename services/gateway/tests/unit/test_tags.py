"""Hashtags over HTTP: what is followed, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.search.v1.search_service_pb2 import Hashtag, HashtagDay, SearchResponse
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World


class FakeSearch:
    """Knows one hashtag, and others that begin like it."""

    def __init__(self) -> None:
        self.away = False

    async def call(self, _method: str, _request: Any, **_options: Any) -> SearchResponse:
        if self.away:
            raise Unavailable("away")
        used = HashtagDay(day=1_700_000_000, uses=3, accounts=2)
        return SearchResponse(hashtags=[Hashtag(name="catsofrookery"), Hashtag(name="cats", history=[used])])


@pytest.fixture
def search(world: World) -> FakeSearch:
    found = FakeSearch()
    cast(Any, world).search = found
    return found


async def test_a_hashtag_is_followed_and_its_posts_come_into_the_home(
    http: httpx2.AsyncClient, world: World, search: FakeSearch
) -> None:
    (_, bobs), (_, alices) = world.newcomer("bob"), world.newcomer("alice")
    known = (await http.get("/api/v1/tags/Cats", headers=bobs)).json()
    assert known["following"] is False
    assert known["history"] == [{"day": "1700000000", "uses": "3", "accounts": "2"}]
    assert (await http.post("/api/v1/tags/Cats/follow", headers=bobs)).json()["following"] is True
    assert (await http.get("/api/v1/tags/cats", headers=bobs)).json()["following"] is True
    made = (await http.post("/api/v1/statuses", json={"status": "Look #cats"}, headers=alices)).json()
    world.post.posts[int(made["id"])].tags.append("cats")
    home = (await http.get("/api/v1/timelines/home", headers=bobs)).json()
    assert [status["id"] for status in home] == [made["id"]]
    assert (await http.post("/api/v1/tags/cats/unfollow", headers=bobs)).json()["following"] is False
    assert (await http.get("/api/v1/timelines/home", headers=bobs)).json() == []


async def test_followed_hashtags_are_listed_in_pages(
    http: httpx2.AsyncClient, world: World, search: FakeSearch
) -> None:
    _, headers = world.newcomer("bob")
    for name in "abc":
        await http.post(f"/api/v1/tags/{name}/follow", headers=headers)
    first = await http.get("/api/v1/followed_tags?limit=2", headers=headers)
    assert [(tag["name"], tag["following"]) for tag in first.json()] == [("c", True), ("b", True)]
    second = await http.get(first.links["next"]["url"], headers=headers)
    assert [tag["name"] for tag in second.json()] == ["a"]
    assert "next" not in second.links
    wrong = await http.get("/api/v1/followed_tags?max_id=x", headers=headers)
    assert (wrong.status_code, list(wrong.json()["details"])) == (422, ["max_id"])


async def test_a_hashtag_tells_a_reader_whether_it_is_featured(
    http: httpx2.AsyncClient, world: World, search: FakeSearch
) -> None:
    _, headers = world.newcomer("alice")
    assert (await http.get("/api/v1/tags/birds", headers=headers)).json()["featuring"] is False
    shown = (await http.post("/api/v1/tags/birds/feature", headers=headers)).json()
    assert (shown["name"], shown["featuring"], shown["following"]) == ("birds", True, False)
    followed = (await http.post("/api/v1/tags/birds/follow", headers=headers)).json()
    assert (followed["featuring"], followed["following"]) == (True, True)
    await http.post("/api/v1/tags/crows/follow", headers=headers)
    tags = (await http.get("/api/v1/followed_tags", headers=headers)).json()
    assert [(tag["name"], tag["featuring"]) for tag in tags] == [("crows", False), ("birds", True)]
    assert (await http.post("/api/v1/tags/birds/unfeature", headers=headers)).json()["featuring"] is False
    assert "featuring" not in (await http.get("/api/v1/tags/birds")).json()


async def test_a_hashtag_is_told_of_where_user_does_not_know_what_is_featured(
    http: httpx2.AsyncClient, world: World, search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> None:
        raise Unavailable("away")

    _, headers = world.newcomer("alice")
    monkeypatch.setattr(world.tags, "ListFeaturedTags", away)
    answer = await http.post("/api/v1/tags/birds/follow", headers=headers)
    assert answer.json()["following"] is True
    assert "featuring" not in answer.json()
    assert answer.headers["x-rookery-degraded"] == "featured-tags"


async def test_a_stranger_is_told_what_a_hashtag_is(http: httpx2.AsyncClient, search: FakeSearch) -> None:
    found = (await http.get("/api/v1/tags/birds")).json()
    assert found["name"] == "birds"
    assert found["history"] == []
    assert "following" not in found


async def test_a_hashtag_has_no_history_while_search_is_away(
    http: httpx2.AsyncClient, world: World, search: FakeSearch
) -> None:
    _, headers = world.newcomer("bob")
    search.away = True
    answer = await http.post("/api/v1/tags/cats/follow", headers=headers)
    assert (answer.status_code, answer.json()["history"]) == (200, [])
    assert answer.headers["x-rookery-degraded"] == "tag-history"


@pytest.mark.parametrize("name", ["%23", "x" * 101])
async def test_what_is_no_hashtag_is_refused(http: httpx2.AsyncClient, world: World, name: str) -> None:
    _, headers = world.newcomer("bob")
    answer = await http.post(f"/api/v1/tags/{name}/follow", headers=headers)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["name"])


async def test_following_needs_a_user_and_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("bob", "read:statuses")
    assert (await http.post("/api/v1/tags/cats/follow")).status_code == 401
    assert (await http.post("/api/v1/tags/cats/follow", headers=headers)).status_code == 403
    assert (await http.get("/api/v1/followed_tags", headers=headers)).status_code == 403
