"""What a new post doesn't say is as its author has chosen it; what it says wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.cache import Fragments
from gateway_service.compose.posting import PostingDefaults
from rookery.post.v1.draft_service_pb2 import CreateDraftResponse
from rookery.post.v1.draft_service_pb2 import Draft as KeptDraft
from rookery.post.v1.post_pb2 import VISIBILITY_PRIVATE, VISIBILITY_PUBLIC, VISIBILITY_UNLISTED
from rookery.post.v1.post_service_pb2 import CreatePostRequest
from rookery.post.v1.schedule_service_pb2 import ScheduledPost, SchedulePostResponse
from rookery.user.v1.events_pb2 import PostingDefaultsChanged
from rookery_common.auth import Identity
from rookery_common.errors import Internal, NotOffered, Unavailable
from rookery_common.kafka.events import new_event
from rookery_common.testing import FakeClock

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses"
UPDATE = "/api/v1/accounts/update_credentials"
CHOSEN: dict[str, Any] = {"privacy": "private", "sensitive": True, "language": "pt"}
ALL_OF_IT: dict[str, Any] = {"visibility": "unlisted", "sensitive": False, "language": "en"}
ALICE = Identity(account_id=1, session_id=1, app_id=1)


@pytest.fixture
async def author(http: httpx2.AsyncClient, world: World) -> dict[str, str]:
    """Headers of alice's, who has chosen."""
    _, headers = world.newcomer("alice")
    assert (await http.patch(UPDATE, json={"source": CHOSEN}, headers=headers)).status_code == 200
    return headers


def as_posted(call: CreatePostRequest) -> tuple[int, bool, str]:
    return call.visibility, call.sensitive, call.language


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (VISIBILITY_PRIVATE, True, "pt")),
        ({"visibility": "public"}, (VISIBILITY_PUBLIC, True, "pt")),
        ({"visibility": "", "sensitive": "", "language": ""}, (VISIBILITY_PRIVATE, True, "pt")),
        ({"sensitive": "false"}, (VISIBILITY_PRIVATE, False, "pt")),
        ({"language": "en"}, (VISIBILITY_PRIVATE, True, "en")),
        ({"in_reply_to_id": "5"}, (VISIBILITY_PRIVATE, True, "pt")),
        (ALL_OF_IT, (VISIBILITY_UNLISTED, False, "en")),
    ],
)
async def test_what_a_post_does_not_say_is_as_its_author_has_chosen(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], said: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    answer = await http.post(URL, data={"status": "A crow", **said}, headers=author)
    assert answer.status_code == 200
    [call] = world.post.made("CreatePost")
    assert as_posted(call.request) == expected


async def test_drafts_and_scheduled_posts_are_completed_when_they_are_made(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    made: list[CreatePostRequest] = []

    def schedule(request: Any, _who: Any) -> Any:
        made.append(request.post)
        return SchedulePostResponse(scheduled=ScheduledPost(scheduled_id=700, post=request.post))

    def draft(request: Any, _who: Any) -> Any:
        made.append(request.post)
        return CreateDraftResponse(draft=KeptDraft(draft_id=701, version=1, post=request.post))

    for name, act in (("SchedulePost", schedule), ("CreateDraft", draft)):
        setattr(world.post, name, act)
    scheduled = {"status": "Later", "scheduled_at": "2027-01-01T10:00:00.000Z"}
    for url, body in ((URL, scheduled), ("/api/rookery/v1/drafts", {"status": "Begun"})):
        assert (await http.post(url, json=body, headers=author)).status_code == 200
        assert as_posted(made[-1]) == (VISIBILITY_PRIVATE, True, "pt")
    assert len(made) == 2


async def test_who_says_all_of_it_waits_for_nobody(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    await http.post(URL, json={"status": "A crow", **ALL_OF_IT}, headers=author)
    world.user.failure = Unavailable("Restarting.")
    answer = await http.post(URL, json={"status": "A crow", **ALL_OF_IT}, headers=author)
    assert answer.status_code == 200
    assert world.profiles.made("GetPostingDefaults") == []
    assert "posting-defaults" not in answer.headers.get("x-rookery-degraded", "")


async def test_who_sees_a_post_is_asked_anew_and_the_rest_is_remembered(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    for said, asked in (({"visibility": "public"}, 1), ({"visibility": "public"}, 1), ({}, 2), ({}, 3)):
        await http.post(URL, json={"status": "A crow", **said}, headers=author)
        assert len(world.profiles.made("GetPostingDefaults")) == asked, said


async def test_without_user_a_post_is_as_its_author_had_it_or_is_refused(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    await http.post(URL, json={"status": "A crow", **ALL_OF_IT}, headers=author)  # who alice is, is known here
    world.user.failure = Unavailable("Restarting.")
    refused = await http.post(URL, json={"status": "A crow"}, headers=author)
    assert (refused.status_code, len(world.post.made("CreatePost"))) == (503, 1)
    world.user.failure = None
    await http.post(URL, json={"status": "A crow"}, headers=author)
    world.user.failure = Unavailable("Restarting.")
    answer = await http.post(URL, json={"status": "A crow"}, headers=author)
    assert answer.status_code == 200
    assert "posting-defaults" in answer.headers["x-rookery-degraded"]
    assert as_posted(world.post.made("CreatePost")[-1].request) == (VISIBILITY_PRIVATE, True, "pt")


async def test_a_change_told_by_an_event_is_not_remembered_over(world: World) -> None:
    clock, fragments = FakeClock(), Fragments()
    defaults = PostingDefaults(world, fragments, clock)  # type: ignore[arg-type]

    async def language() -> str:
        call = CreatePostRequest(visibility=VISIBILITY_PUBLIC)
        await defaults.complete(ALICE, call, is_sensitive=False)
        return call.language

    assert await language() == ""
    world.profiles.settings.language = "pt"
    assert await language() == ""
    changed = PostingDefaultsChanged(account_id=ALICE.account_id, version=2)
    await fragments.handle(new_event("user.events.v1", "1", changed, version=2, clock=clock, source="user"))
    assert await language() == "pt"


async def test_a_user_of_the_release_before_has_no_defaults(world: World) -> None:
    world.profiles.failure = NotOffered("user failed.")
    call = CreatePostRequest()
    defaults = PostingDefaults(world, Fragments(), FakeClock())  # type: ignore[arg-type]
    await defaults.complete(ALICE, call, is_sensitive=None)
    assert as_posted(call) == (VISIBILITY_PUBLIC, False, "")


async def test_a_defect_of_user_widens_nobodys_posts(world: World) -> None:
    world.profiles.failure = Internal("user failed.")
    defaults = PostingDefaults(world, Fragments(), FakeClock())  # type: ignore[arg-type]
    with pytest.raises(Internal):
        await defaults.complete(ALICE, CreatePostRequest(), is_sensitive=None)
