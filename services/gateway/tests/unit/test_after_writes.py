"""A write that was made is never answered by "try again later": what shows it may be away by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from rookery.moderation.v1 import moderation_service_pb2 as moderation
from rookery.post.v1 import edit_service_pb2, post_pb2
from rookery.post.v1 import post_service_pb2 as pb
from rookery.user.v1.profile_service_pb2 import UpdateProfileRequest
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

STATUSES = "/api/v1/statuses"
POST_ID = 600
# What each act leaves on a post that had nothing on it, or all of it.
ACTS: dict[str, tuple[int, dict[str, bool | int]]] = {
    "favourite": (0, {"favourited": True, "favourites_count": 1}),
    "unfavourite": (1, {"favourited": False, "favourites_count": 0}),
    "bookmark": (0, {"bookmarked": True}),
    "unbookmark": (1, {"bookmarked": False}),
    "pin": (0, {"pinned": True}),
    "mute": (0, {"muted": True}),
    "unmute": (1, {"muted": False}),
    "unpin": (1, {"pinned": False}),
    "unreblog": (1, {"reblogged": False, "reblogs_count": 0}),
}


MARKS = ("favourited", "reblogged", "bookmarked", "pinned", "muted")


class Outage:
    """Takes what composes away, at once or as soon as a write is made."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failure: AppError | None = None
        self._world = world
        for name in ("batch_get_posts", "batch_get_accounts", "batch_get_relationships"):
            monkeypatch.setattr(world, name, self._through(getattr(world, name)))

    def _through(self, call: Any) -> Any:
        async def made(*arguments: Any) -> Any:
            if self.failure is not None:
                raise self.failure
            return await call(*arguments)

        return made

    def after(self, service: Any, method: str, answer: Callable[[Any, Any], Any], failure: AppError) -> None:
        """The service answers so, and from then on what composes fails."""

        def made(request: Any, who: Any) -> Any:
            done = answer(request, who)
            self.failure = failure
            return done

        setattr(service, method, made)


@pytest.fixture
def outage(world: World, monkeypatch: pytest.MonkeyPatch) -> Outage:
    return Outage(world, monkeypatch)


@pytest.fixture
def bob(world: World) -> dict[str, str]:
    """Headers of bob's, who reads a post of alice's."""
    alice, _ = world.newcomer("alice")
    post = post_pb2.Post(post_id=POST_ID, author_id=alice, text="Hello", version=1)
    post.visibility = post_pb2.VISIBILITY_PUBLIC
    world.post.posts[POST_ID] = post
    return world.newcomer("bob")[1]


@pytest.mark.parametrize("failure", [Unavailable("Restarting."), DeadlineExceeded("Slow.")], ids=repr)
@pytest.mark.parametrize(("requests", "part"), [(1, None), (2, "names, as-written")], ids=["now", "before"])
async def test_a_post_that_was_made_is_shown_as_it_was_written(
    http: httpx2.AsyncClient,
    world: World,
    outage: Outage,
    bob: dict[str, str],
    failure: AppError,
    requests: int,
    part: str | None,
) -> None:
    keyed = bob | {"idempotency-key": "k"}
    for _ in range(requests - 1):
        await http.post(STATUSES, data={"status": "Caw"}, headers=keyed)
    outage.after(world.post, "CreatePost", world.post.CreatePost, failure)
    answer = await http.post(STATUSES, data={"status": "Caw"}, headers=keyed)
    assert answer.status_code == 200
    assert answer.headers.get("x-rookery-degraded") == part
    body = answer.json()
    assert (body["content"], body["account"]["username"], body["favourites_count"]) == ("<p>Caw</p>", "bob", 0)
    outage.failure = None
    again = (await http.get(f"{STATUSES}/{body['id']}", headers=bob)).json()
    assert body == again


async def test_a_post_by_somebody_who_can_not_be_shown_is_refused_before_it_is_made(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    outage.failure = Unavailable("Restarting.")
    answer = await http.post(STATUSES, data={"status": "Caw"}, headers=bob)
    assert (answer.status_code, world.post.made("CreatePost")) == (503, [])


async def test_an_author_who_was_seen_here_posts_while_user_is_away(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    await http.post(STATUSES, data={"status": "Caw"}, headers=bob)
    outage.failure = Unavailable("Restarting.")
    answer = await http.post(STATUSES, data={"status": "Caw again"}, headers=bob)
    assert (answer.status_code, answer.json()["account"]["username"]) == (200, "bob")


@pytest.mark.parametrize("act", ACTS)
async def test_a_mark_that_was_left_is_shown(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str], act: str, monkeypatch: Any
) -> None:
    before, left = ACTS[act]
    marked = bool(before)

    async def views(*_arguments: Any) -> pb.BatchGetPostsResult:
        if outage.failure is not None:
            raise outage.failure
        post = world.post.posts[POST_ID]
        view = pb.PostView(post_id=POST_ID, version=1, post=post, author_id=post.author_id)
        view.counts.favourites = view.counts.reblogs = before
        view.marks.CopyFrom(post_pb2.PostMarks(**dict.fromkeys(MARKS, marked)))
        return pb.BatchGetPostsResult(posts=[view])

    monkeypatch.setattr(world, "batch_get_posts", views)
    method = f"{act.capitalize()}{'Thread' if act.endswith('mute') else 'Post'}"
    outage.after(world.post, method, lambda _request, _who: pb.FavouritePostResponse(), Unavailable("Restarting."))
    answer = await http.post(f"{STATUSES}/{POST_ID}/{act}", headers=bob)
    assert (answer.status_code, answer.headers["x-rookery-degraded"]) == (200, "as-written")
    assert {name: answer.json()[name] for name in left} == left


async def test_a_reblog_that_was_made_shows_the_post(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    def reblog(request: pb.ReblogPostRequest, who: Any) -> pb.ReblogPostResponse:
        made = post_pb2.Post(post_id=700, author_id=who.account_id, reblog_of_id=request.post_id, version=1)
        return pb.ReblogPostResponse(post=made)

    outage.after(world.post, "ReblogPost", reblog, Unavailable("Restarting."))
    answer = await http.post(f"{STATUSES}/{POST_ID}/reblog", headers=bob)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["account"]["username"], body["reblogged"]) == ("700", "bob", True)
    assert (body["reblog"]["id"], body["reblog"]["account"]["username"]) == (str(POST_ID), "alice")
    assert body["reblog"]["reblogs_count"] == 1


async def test_an_edit_that_was_made_is_shown_with_the_counts_of_before(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    status_id = (await http.post(STATUSES, data={"status": "First"}, headers=bob)).json()["id"]

    def edit(request: edit_service_pb2.EditPostRequest, _who: Any) -> edit_service_pb2.EditPostResponse:
        post = world.post.posts[request.post_id]
        post.text, post.version = request.text, post.version + 1
        return edit_service_pb2.EditPostResponse(post=post)

    outage.after(world.post, "EditPost", edit, Unavailable("Restarting."))
    answer = await http.put(f"{STATUSES}/{status_id}", data={"status": "Second"}, headers=bob)
    assert (answer.status_code, answer.json()["content"]) == (200, "<p>Second</p>")


async def test_a_profile_that_was_changed_is_shown_with_the_counts_of_before(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    update: Callable[[UpdateProfileRequest, Any], Any] = world.profiles.UpdateProfile
    outage.after(world.profiles, "UpdateProfile", update, Unavailable("Restarting."))
    answer = await http.patch("/api/v1/accounts/update_credentials", data={"display_name": "Bob"}, headers=bob)
    assert (answer.status_code, answer.headers["x-rookery-degraded"]) == (200, "names")
    assert (answer.json()["display_name"], answer.json()["followers_count"]) == ("Bob", 1)


async def test_a_report_that_was_made_is_told_so(
    http: httpx2.AsyncClient, world: World, outage: Outage, bob: dict[str, str]
) -> None:
    class Moderation:
        async def call(self, _method: str, request: moderation.CreateReportRequest, **_options: Any) -> Any:
            outage.failure = Unavailable("Restarting.")
            report = moderation.Report(report_id=1, target_account_id=request.target_account_id)
            return moderation.CreateReportResponse(report=report)

    cast(Any, world).moderation = Moderation()
    target = world.post.posts[POST_ID].author_id
    answer = await http.post("/api/v1/reports", data={"account_id": target}, headers=bob)
    assert (answer.status_code, answer.json()["target_account"]["username"]) == (200, "alice")
