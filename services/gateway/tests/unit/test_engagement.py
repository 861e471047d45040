"""What one does with a post over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import engagement_service_pb2 as engagement_pb
from rookery.post.v1 import pin_service_pb2 as pins
from rookery.post.v1 import post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery_common.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses"
ACTS = {
    "favourite": "FavouritePost",
    "unfavourite": "UnfavouritePost",
    "bookmark": "BookmarkPost",
    "unbookmark": "UnbookmarkPost",
    "mute": "MuteThread",
    "unmute": "UnmuteThread",
    "pin": "PinPost",
    "unpin": "UnpinPost",
    "unreblog": "UnreblogPost",
}


@pytest.fixture
def posted(world: World) -> int:
    """A post of alice's."""
    author_id = world.user.add("alice")
    post = post_pb2.Post(post_id=600, author_id=author_id, text="Hello *all*", spoiler_text="cw", version=1)
    post.visibility = post_pb2.VISIBILITY_PUBLIC
    world.post.posts[600] = post
    return 600


@pytest.fixture(autouse=True)
def _engaging(world: World) -> None:
    """Post takes whatever it is asked."""

    def reblog(request: pb.ReblogPostRequest, who: Any) -> pb.ReblogPostResponse:
        made = post_pb2.Post(post_id=700, author_id=who.account_id, reblog_of_id=request.post_id, version=1)
        made.visibility = request.visibility
        world.post.posts[700] = made
        return pb.ReblogPostResponse(post=made)

    def delete(request: pb.DeletePostRequest, who: Any) -> pb.DeletePostResponse:
        if world.post.posts[request.post_id].author_id != who.account_id:
            raise NotFound("no")
        return pb.DeletePostResponse(post=world.post.posts.pop(request.post_id))

    def nothing(method: str) -> Callable[[Any, Any], Any]:
        contracts = {"PinPost": pins, "UnpinPost": pins, "MuteThread": engagement_pb, "UnmuteThread": engagement_pb}
        return lambda _request, _who: getattr(contracts.get(method, pb), f"{method}Response")()

    answers = {
        **{method: nothing(method) for method in ACTS.values()},
        "ReblogPost": reblog,
        "DeletePost": delete,
        "GetThread": lambda _request, _who: pb.GetThreadResponse(ancestor_ids=[600], descendant_ids=[601, 602]),
    }
    for method, answer in answers.items():
        setattr(world.post, method, answer)


@pytest.mark.parametrize("act", list(ACTS))
async def test_an_act_is_done_and_answered_with_the_status(
    http: httpx2.AsyncClient, world: World, posted: int, act: str
) -> None:
    account_id, headers = world.newcomer("bob")
    answer = await http.post(f"{URL}/{posted}/{act}", headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (200, str(posted))
    [call] = world.post.made(ACTS[act])
    assert (call.request.post_id, call.identity and call.identity.account_id) == (posted, account_id)


async def test_a_reblog_is_answered_and_put_into_the_own_home(
    http: httpx2.AsyncClient, world: World, posted: int
) -> None:
    _, headers = world.newcomer("bob")
    answer = await http.post(f"{URL}/{posted}/reblog", data={"visibility": "unlisted"}, headers=headers)
    assert (answer.json()["id"], answer.json()["reblog"]["id"]) == ("700", str(posted))
    assert world.post.made("ReblogPost")[0].request.visibility == post_pb2.VISIBILITY_UNLISTED
    assert [call.request.post_id for call in world.feed.made("AddOwnPost")] == [700]
    refused = await http.post(f"{URL}/{posted}/reblog", json={"visibility": "direct"}, headers=headers)
    assert (refused.status_code, "visibility" in refused.json()["details"]) == (422, True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, post_pb2.VISIBILITY_PRIVATE), ({"visibility": "public"}, post_pb2.VISIBILITY_PUBLIC)],
)
async def test_a_reblog_is_seen_by_whom_its_author_has_chosen_unless_it_says_by_whom(
    http: httpx2.AsyncClient, world: World, posted: int, said: dict[str, str], expected: int
) -> None:
    _, headers = world.newcomer("bob")
    chosen = {"source": {"privacy": "private"}}
    assert (await http.patch("/api/v1/accounts/update_credentials", json=chosen, headers=headers)).status_code == 200
    assert (await http.post(f"{URL}/{posted}/reblog", json=said, headers=headers)).status_code == 200
    assert world.post.made("ReblogPost")[0].request.visibility == expected
    assert len(world.profiles.made("GetPostingDefaults")) == (0 if said else 1)


async def test_a_reblog_is_not_made_while_nobody_knows_by_whom_it_is_to_be_seen(
    http: httpx2.AsyncClient, world: World, posted: int
) -> None:
    _, headers = world.newcomer("bob")
    world.profiles.failure = Unavailable("Restarting.")
    assert (await http.post(f"{URL}/{posted}/reblog", headers=headers)).status_code == 503
    assert world.post.made("ReblogPost") == []


@pytest.mark.parametrize("act", ["favourite", "bookmark", "reblog"])
async def test_what_is_not_shown_is_not_acted_on(http: httpx2.AsyncClient, world: World, act: str) -> None:
    _, headers = world.newcomer("bob")
    for post_id in ("5", "x"):
        assert (await http.post(f"{URL}/{post_id}/{act}", headers=headers)).status_code == 404
    assert world.post.made(ACTS.get(act, "ReblogPost")) == []


async def test_a_deleted_status_is_answered_with_its_text(http: httpx2.AsyncClient, world: World) -> None:
    account_id, headers = world.newcomer("alice")
    _, others = world.newcomer("bob")
    post = post_pb2.Post(post_id=600, author_id=account_id, text="Hello *all*", version=1)
    post.visibility = post_pb2.VISIBILITY_PUBLIC
    world.post.posts[600] = post
    assert (await http.delete(f"{URL}/600", headers=others)).status_code == 404
    answer = await http.delete(f"{URL}/600", headers=headers)
    assert (answer.json()["text"], answer.json()["content"]) == ("Hello *all*", "<p>Hello *all*</p>")
    assert (await http.delete(f"{URL}/600", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, False), ({"params": {"delete_media": "true"}}, True), ({"json": {"delete_media": False}}, False)],
)
async def test_the_media_of_a_deleted_status_go_with_it_where_that_is_asked_for(
    http: httpx2.AsyncClient, world: World, posted: int, said: dict[str, Any], expected: bool
) -> None:
    author = {"authorization": f"Bearer {world.auth.grant(world.post.posts[posted].author_id)}"}
    wrong = await http.delete(f"{URL}/{posted}", params={"delete_media": "perhaps"}, headers=author)
    assert (wrong.status_code, list(wrong.json()["details"])) == (422, ["delete_media"])
    assert world.post.made("DeletePost") == []
    answer = await http.request("DELETE", f"{URL}/{posted}", headers=author, **said)
    assert answer.status_code == 200
    assert world.post.made("DeletePost")[-1].request.delete_media == expected


async def test_a_thread_is_shown_to_anybody(http: httpx2.AsyncClient, world: World, posted: int) -> None:
    reply = post_pb2.Post(post_id=602, author_id=world.post.posts[posted].author_id, version=1)
    world.post.posts[602] = reply
    answer = (await http.get(f"{URL}/{posted}/context")).json()
    assert [status["id"] for status in answer["ancestors"]] == ["600"]
    assert [status["id"] for status in answer["descendants"]] == ["602"]
    world.post.failure = Unavailable("away")
    assert (await http.get(f"{URL}/{posted}/context")).status_code == 503


async def test_the_source_is_its_authors(http: httpx2.AsyncClient, world: World, posted: int) -> None:
    _, others = world.newcomer("bob")
    own = {"authorization": f"Bearer {world.auth.grant(world.post.posts[posted].author_id)}"}
    assert (await http.get(f"{URL}/{posted}/source", headers=others)).status_code == 404
    assert (await http.get(f"{URL}/{posted}/source")).status_code == 401
    answer = await http.get(f"{URL}/{posted}/source", headers=own)
    assert answer.json() == {"id": "600", "text": "Hello *all*", "spoiler_text": "cw"}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "favourite", "write:favourites"),
        ("POST", "bookmark", "write:bookmarks"),
        ("POST", "reblog", "write:statuses"),
        ("POST", "unreblog", "write:statuses"),
        ("POST", "pin", "write:accounts"),
        ("DELETE", "", "write:statuses"),
        ("GET", "source", "read:statuses"),
    ],
)
async def test_each_needs_a_user_and_its_scope(
    http: httpx2.AsyncClient, world: World, posted: int, method: str, path: str, scope: str
) -> None:
    url = f"{URL}/{posted}/{path}".rstrip("/")
    _, headers = world.newcomer("bob", "read:accounts", "write:media")
    assert (await http.request(method, url, headers=headers)).status_code == 403
    assert (await http.request(method, url)).status_code == 401
    author_id = world.post.posts[posted].author_id
    allowed = {"authorization": f"Bearer {world.auth.grant(author_id, scope)}"}
    assert (await http.request(method, url, headers=allowed)).status_code == 200
