"""Lists of what one has marked, and of who has, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import engagement_service_pb2 as pb
from rookery.post.v1 import post_pb2
from rookery.user.v1.account_pb2 import Relationship
from rookery_common.auth import Identity

if TYPE_CHECKING:
    from gateway_fakes.world import World

LISTS = {"favourites": "ListFavourites", "bookmarks": "ListBookmarks"}
ENGAGED = {"favourited_by": pb.ENGAGEMENT_KIND_FAVOURITE, "reblogged_by": pb.ENGAGEMENT_KIND_REBLOG}


@pytest.fixture(autouse=True)
def _marked(world: World) -> None:
    """Two posts of alice's, marked in the order of their ids; what is asked for is of pages of one."""
    author_id = world.user.add("alice")
    for number in (600, 601):
        post = post_pb2.Post(post_id=number, author_id=author_id, text="Hello", version=1)
        post.visibility = post_pb2.VISIBILITY_PUBLIC
        world.post.posts[number] = post

    def page(method: str, request: Any) -> Any:
        mark_ids = [number for number in (701, 700) if not request.max_id or number < request.max_id][:1]
        posts = [pb.MarkedPost(mark_id=number, post_id=number - 100) for number in mark_ids]
        return getattr(pb, f"{method}Response")(posts=posts, reached_id=mark_ids[-1] if mark_ids else 0)

    for method in LISTS.values():
        setattr(world.post, method, lambda request, _who, method=method: page(method, request))


@pytest.mark.parametrize("path", list(LISTS))
async def test_own_lists_are_paged_by_link(http: httpx2.AsyncClient, world: World, path: str) -> None:
    _, headers = world.newcomer("bob")
    seen, url = [], f"/api/v1/{path}?limit=1"
    for _ in range(5):
        answer = await http.get(url, headers=headers)
        seen += [status["id"] for status in answer.json()]
        if "next" not in answer.links:
            break
        assert ("prev" in answer.links) == bool(answer.json())
        url = answer.links["next"]["url"]
    assert seen == ["601", "600"]
    assert [call.request.max_id for call in world.post.made(LISTS[path])] == [0, 701, 700]
    bad = await http.get(f"/api/v1/{path}?max_id=x", headers=headers)
    assert (bad.status_code, list(bad.json()["details"])) == (422, ["max_id"])


@pytest.mark.parametrize("path", list(LISTS))
async def test_own_lists_need_a_user_and_the_scope(http: httpx2.AsyncClient, world: World, path: str) -> None:
    _, headers = world.newcomer("bob", "read:statuses", "write")
    assert (await http.get(f"/api/v1/{path}", headers=headers)).status_code == 403
    assert (await http.get(f"/api/v1/{path}")).status_code == 401


@pytest.mark.parametrize("path", list(ENGAGED))
async def test_who_engages_is_listed_for_anybody_but_not_those_whom_one_blocks(
    http: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    people = [world.user.add(name) for name in ("bob", "carol")]
    _, headers = world.newcomer("dan")

    def engaged(request: Any, _who: Any) -> Any:
        return pb.ListEngagedAccountsResponse(
            account_ids=people, reached_id=0 if request.after_account_id else 77, ahead_id=70
        )

    world.post.ListEngagedAccounts = engaged  # type: ignore[attr-defined]
    url = f"/api/v1/statuses/600/{path}"
    answer = await http.get(url)
    assert [account["username"] for account in answer.json()] == ["bob", "carol"]
    last = await http.get(answer.links["next"]["url"])
    assert "next" not in last.links
    await http.get(last.links["prev"]["url"])
    await http.get(f"{url}?since_id=70")
    calls = [call.request for call in world.post.made("ListEngagedAccounts")]
    assert {(call.post_id, call.kind) for call in calls} == {(600, ENGAGED[path])}
    bounds = [(call.after_account_id, call.before_account_id, call.until_account_id) for call in calls]
    assert bounds == [(0, 0, 0), (77, 0, 0), (0, 70, 0), (0, 0, 70)]
    for name in ("max_id", "since_id", "min_id"):
        bad = await http.get(f"{url}?{name}=x")
        assert (bad.status_code, list(bad.json()["details"])) == (422, [name])
    assert len(world.post.made("ListEngagedAccounts")) == 4
    assert (await http.get(f"/api/v1/statuses/5/{path}")).status_code == 404
    relations = world.batch_get_relationships

    async def blocked(viewer: Identity, account_ids: Any) -> list[Relationship]:
        found = await relations(viewer, account_ids)
        for relation in found:
            relation.blocked_by = relation.account_id == people[0]
        return found

    monkeypatch.setattr(world, "batch_get_relationships", blocked)
    assert [account["username"] for account in (await http.get(url, headers=headers)).json()] == ["carol"]
