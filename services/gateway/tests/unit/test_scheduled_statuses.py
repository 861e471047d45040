"""Scheduled statuses over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import schedule_service_pb2 as pb
from rookery.post.v1.poll_pb2 import PollDraft
from rookery.post.v1.post_pb2 import VISIBILITY_UNLISTED
from rookery_common.errors import NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/scheduled_statuses"
TIME = "2027-01-01T10:00:00.000Z"


@pytest.fixture
def author(world: World) -> dict[str, str]:
    """Headers of alice's, who has nothing scheduled yet."""
    _, headers = world.newcomer("alice")
    held: dict[int, pb.ScheduledPost] = {}

    def find(scheduled_id: int) -> pb.ScheduledPost:
        if scheduled_id not in held:
            raise NotFound("there is no such scheduled post")
        return held[scheduled_id]

    def schedule(request: Any, _who: Any) -> Any:
        made = pb.ScheduledPost(scheduled_id=700 + len(held), post=request.post, publish_time=request.publish_time)
        held[made.scheduled_id] = made
        return pb.SchedulePostResponse(scheduled=made)

    def move(request: Any, _who: Any) -> Any:
        find(request.scheduled_id).publish_time.CopyFrom(request.publish_time)
        return pb.UpdateScheduledPostResponse(scheduled=find(request.scheduled_id))

    def delete(request: Any, _who: Any) -> Any:
        del held[find(request.scheduled_id).scheduled_id]
        return pb.DeleteScheduledPostResponse()

    def get(request: Any, _who: Any) -> Any:
        return pb.GetScheduledPostResponse(scheduled=find(request.scheduled_id))

    def page(request: Any, _who: Any) -> Any:
        found = [each for number, each in sorted(held.items(), reverse=True) if number < (request.max_id or 2**62)]
        reached = found[request.page_size - 1].scheduled_id if len(found) > request.page_size else 0
        return pb.ListScheduledPostsResponse(scheduled=found[: request.page_size], reached_id=reached)

    acts = {"SchedulePost": schedule, "UpdateScheduledPost": move, "DeleteScheduledPost": delete}
    for name, act in (acts | {"GetScheduledPost": get, "ListScheduledPosts": page}).items():
        setattr(world.post, name, act)
    return headers


@pytest.mark.parametrize("form", ["data", "json"])
async def test_a_status_with_a_time_is_scheduled(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], form: str
) -> None:
    values: dict[str, Any] = {"status": "Later", "scheduled_at": TIME, "visibility": "unlisted", "spoiler_text": "cw"}
    if form == "data":
        values |= {"poll[options][]": ["a", "b"], "poll[expires_in]": "300"}
    else:
        values |= {"poll": {"options": ["a", "b"], "expires_in": 300}}
    sent: Any = {form: values}
    answer = await http.post("/api/v1/statuses", headers={**author, "idempotency-key": "k"}, **sent)
    assert answer.status_code == 200
    scheduled = answer.json()
    assert (scheduled["id"], scheduled["scheduled_at"], scheduled["failure"]) == ("700", TIME, None)
    assert scheduled["params"] == {
        "text": "Later",
        "media_ids": None,
        "sensitive": False,
        "spoiler_text": "cw",
        "visibility": "unlisted",
        "language": None,
        "in_reply_to_id": None,
        "poll": {"options": ["a", "b"], "expires_in": 300, "multiple": False, "hide_totals": False},
        "quoted_status_id": None,
        "quote_approval_policy": "nobody",
        "reply_policy": "everyone",
        "idempotency": "k",
        "scheduled_at": None,
        "application_id": None,
        "with_rate_limit": False,
    }
    [call] = world.post.made("SchedulePost")
    assert call.request.post.visibility == VISIBILITY_UNLISTED
    assert call.request.post.poll == PollDraft(options=["a", "b"], expires_in_seconds=300)
    assert world.post.made("CreatePost") == []


async def test_scheduled_statuses_are_listed_moved_and_deleted(
    http: httpx2.AsyncClient, author: dict[str, str]
) -> None:
    for number in range(3):
        sent = {"status": f"Number {number}", "scheduled_at": TIME}
        await http.post("/api/v1/statuses", headers=author, json=sent)
    first = await http.get(URL, params={"limit": 2}, headers=author)
    assert [each["id"] for each in first.json()] == ["702", "701"]
    assert "max_id=701" in first.headers["link"]
    second = await http.get(URL, params={"limit": 2, "max_id": "701"}, headers=author)
    assert [each["params"]["text"] for each in second.json()] == ["Number 0"]
    moved = await http.put(f"{URL}/700", json={"scheduled_at": "2027-02-01T10:00:00Z"}, headers=author)
    assert moved.json()["scheduled_at"] == "2027-02-01T10:00:00.000Z"
    assert (await http.get(f"{URL}/700", headers=author)).json() == moved.json()
    deleted = await http.delete(f"{URL}/700", headers=author)
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert (await http.get(f"{URL}/700", headers=author)).status_code == 404


async def test_what_is_wrong_is_named(http: httpx2.AsyncClient, world: World, author: dict[str, str]) -> None:
    for value in ("soon", 7, "", None):
        answer = await http.put(f"{URL}/700", json={"scheduled_at": value}, headers=author)
        assert (answer.status_code, list(answer.json()["details"])) == (422, ["scheduled_at"])
    answer = await http.post("/api/v1/statuses", json={"status": "x", "scheduled_at": "soon"}, headers=author)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["scheduled_at"])
    answer = await http.put("/api/v1/statuses/600", json={"status": "x", "scheduled_at": TIME}, headers=author)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["scheduled_at"])
    _, readers = world.newcomer("carol", "read")
    assert (await http.get(URL, headers=readers)).status_code == 200
    assert (await http.get(URL)).status_code == 401
    for method in ("PUT", "DELETE"):
        assert (await http.request(method, f"{URL}/700", headers=readers)).status_code == 403
        assert (await http.request(method, f"{URL}/7x", headers=author, json={"scheduled_at": TIME})).status_code == 404
