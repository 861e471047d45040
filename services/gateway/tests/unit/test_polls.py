"""Polls over HTTP: asked with a status, shown in it and alone, voted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import post_pb2
from rookery.post.v1.poll_pb2 import PollDraft, PollTally
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/polls/600"


@pytest.fixture
def asked(world: World) -> post_pb2.Post:
    """Alice's post 600, which asks two things until the year 2096."""
    account_id, _ = world.newcomer("alice")
    post = post_pb2.Post(post_id=600, author_id=account_id, text="Which?", version=1)
    post.visibility = post_pb2.VISIBILITY_PUBLIC
    post.poll.options[:] = ["A crow", "A jay"]
    post.poll.expire_time.FromSeconds(4_000_000_000)
    world.post.posts[600] = post
    return post


@pytest.mark.parametrize("form", ["data", "json"])
async def test_a_status_asks_in_each_form(http: httpx2.AsyncClient, world: World, form: str) -> None:
    _, headers = world.newcomer("alice")
    values: dict[str, Any] = {"status": "Which?"}
    if form == "data":
        values |= {"poll[options][]": ["A crow", "A jay"], "poll[expires_in]": "300", "poll[multiple]": "true"}
    else:
        values |= {"poll": {"options": ["A crow", "A jay"], "expires_in": 300, "multiple": True}}
    sent: Any = {form: values}
    status = (await http.post("/api/v1/statuses", headers=headers, **sent)).json()
    [call] = world.post.made("CreatePost")
    assert call.request.poll == PollDraft(options=["A crow", "A jay"], expires_in_seconds=300, multiple=True)
    assert status["poll"] == (await http.get(f"/api/v1/polls/{status['id']}", headers=headers)).json()
    assert status["poll"]["voted"]
    status = (await http.post("/api/v1/statuses", headers=headers, json={"status": "Nothing", "poll": None})).json()
    assert status["poll"] is None


async def test_a_poll_is_shown_as_it_stands(http: httpx2.AsyncClient, world: World, asked: post_pb2.Post) -> None:
    assert asked
    _, headers = world.newcomer("bob")
    world.post.tallies[600] = PollTally(votes=[2], voters=2)
    poll = {
        "id": "600",
        "expires_at": "2096-10-02T07:06:40.000Z",
        "expired": False,
        "multiple": False,
        "votes_count": 2,
        "voters_count": 2,
        "options": [{"title": "A crow", "votes_count": 2}, {"title": "A jay", "votes_count": 0}],
        "emojis": [],
    }
    assert (await http.get(URL)).json() == poll
    assert (await http.get("/api/v1/statuses/600")).json()["poll"] == poll
    assert (await http.get(URL, headers=headers)).json() == poll | {"voted": False, "own_votes": []}


@pytest.mark.parametrize(("seconds", "shown"), [(4_000_000_000, None), (1_700_000_000, 2)])
async def test_hidden_totals_are_shown_once_it_has_ended(
    http: httpx2.AsyncClient, world: World, asked: post_pb2.Post, seconds: int, shown: int | None
) -> None:
    world.post.tallies[600] = PollTally(votes=[2, 1], voters=3)
    asked.poll.hide_totals = True
    asked.poll.expire_time.FromSeconds(seconds)
    poll = (await http.get(URL)).json()
    assert (poll["options"][0]["votes_count"], poll["votes_count"], poll["expired"]) == (shown, 3, shown is not None)


@pytest.mark.parametrize(
    "sent", [{"json": {"choices": [1]}}, {"data": {"choices[]": ["1"]}}, {"json": {"choices": "1"}}]
)
async def test_a_vote_is_taken_and_the_poll_answered(
    http: httpx2.AsyncClient, world: World, asked: post_pb2.Post, sent: dict[str, Any]
) -> None:
    assert asked
    _, headers = world.newcomer("bob")
    answer = await http.post(f"{URL}/votes", headers={**headers, "idempotency-key": "k"}, **sent)
    assert (answer.status_code, answer.json()["voted"], answer.json()["own_votes"]) == (200, True, [1])
    [call] = world.post.made("VoteInPoll")
    assert (list(call.request.choices), call.request.request_id) == ([1], "k")
    again = await http.post(f"{URL}/votes", headers=headers, **sent)
    assert (again.status_code, again.json()["error"]) == (422, "you have already voted on this poll")


@pytest.mark.parametrize("choices", [["x"], [4], [-1], {"a": 1}, [[1]], [0, 1, 2, 3, 0]])
async def test_what_is_no_choice_is_refused(
    http: httpx2.AsyncClient, world: World, asked: post_pb2.Post, choices: Any
) -> None:
    assert asked
    _, headers = world.newcomer("bob")
    answer = await http.post(f"{URL}/votes", headers=headers, json={"choices": choices})
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["choices"])
    assert world.post.made("VoteInPoll") == []


async def test_who_may_not_vote_is_told_so(http: httpx2.AsyncClient, world: World, asked: post_pb2.Post) -> None:
    assert asked
    _, readers = world.newcomer("carol", "read")
    _, headers = world.newcomer("bob")
    assert (await http.post(f"{URL}/votes", json={"choices": [0]})).status_code == 401
    assert (await http.post(f"{URL}/votes", json={"choices": [0]}, headers=readers)).status_code == 403
    assert (await http.post("/api/v1/polls/7/votes", json={"choices": [0]}, headers=headers)).status_code == 404
    world.post.posts[601] = post_pb2.Post(post_id=601, author_id=asked.author_id, text="No question", version=1)
    assert (await http.get("/api/v1/polls/601")).status_code == 404
    assert (await http.get("/api/v1/polls/7")).status_code == 404


async def test_a_vote_that_was_cast_is_shown_also_where_its_post_is_away_by_then(
    http: httpx2.AsyncClient, world: World, asked: post_pb2.Post, away: Unavailable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked
    _, headers = world.newcomer("bob")
    cast = world.post.VoteInPoll

    async def failing(*_arguments: Any) -> Any:
        raise away

    def vote(request: Any, who: Any) -> Any:
        monkeypatch.setattr(world, "batch_get_posts", failing)
        return cast(request, who)

    monkeypatch.setattr(world.post, "VoteInPoll", vote)
    answer = await http.post(f"{URL}/votes", headers=headers, json={"choices": [1]})
    assert (answer.status_code, answer.headers["x-rookery-degraded"]) == (200, "as-written")
    poll = answer.json()
    assert (poll["own_votes"], poll["voters_count"], poll["options"][1]["votes_count"]) == ([1], 1, 1)
