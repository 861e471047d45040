"""For you over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from gateway_service.cache import PostFragment
from gateway_service.columns import relation_in
from gateway_service.compose.audience import Why, why_not_home
from gateway_service.compose.for_you import rule_for_you
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.user.v1.account_pb2 import Relationship

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/rookery/v1/timelines/for_you"


async def test_a_ranking_comes_in_pages_that_say_why(http: httpx2.AsyncClient, world: World) -> None:
    (alice, alices), (bob, bobs) = world.newcomer("alice"), world.newcomer("bob")
    world.user.follows.add((bob, alice))
    made = [(await http.post("/api/v1/statuses", json={"status": f"{n}"}, headers=alices)).json() for n in range(5)]
    first = await http.get(PATH, params={"limit": 3}, headers=bobs)
    body = first.json()
    assert [status["id"] for status in body["items"]] == [status["id"] for status in made[:3]]
    assert body["items"][0]["score"] == 1.2346
    assert body["items"][0]["why"] == [{"feature": "recency", "value": 0.5, "weight": 2.0}]
    assert body["items"][0]["account"]["username"] == "alice"
    assert first.headers["link"].endswith(f'{PATH}?limit=3&cursor={body["next_cursor"]}>; rel="next"')
    last = await http.get(PATH, params={"limit": 3, "cursor": body["next_cursor"]}, headers=bobs)
    assert [status["id"] for status in last.json()["items"]] == [status["id"] for status in made[3:]]
    assert (last.json()["next_cursor"], last.headers.get("link")) == (None, None)


@pytest.mark.parametrize(
    ("reason", "relationship", "why"),
    [
        (Reason.REASON_PUBLIC, Relationship(), None),
        (Reason.REASON_PUBLIC, Relationship(muting=True), Why.MUTED),
        (Reason.REASON_PUBLIC, Relationship(blocked_by=True), Why.BLOCKED),
        (Reason.REASON_PUBLIC, Relationship(exclusively_listed=True), Why.ON_EXCLUSIVE_LIST),
        (Reason.REASON_FOLLOWED_AUTHOR, Relationship(), Why.NOT_FOLLOWED),
        (Reason.REASON_FOLLOWED_AUTHOR, Relationship(following=True), None),
    ],
)
def test_strangers_are_shown_as_in_timelines_of_everybody_and_others_as_in_the_home(
    reason: int, relationship: Relationship, why: Why | None
) -> None:
    bob, alice = 102, 101
    post = PostFragment(version=1, author_id=alice, head=b"", reply_to_account_id=0, reblog_of_id=0)
    assert rule_for_you(why_not_home)(bob, post, reason, {alice: relation_in(relationship)}) == why


async def test_what_is_asked_wrongly_is_refused_by_its_name(http: httpx2.AsyncClient, world: World) -> None:
    _, bobs = world.newcomer("bob")
    for params, name in (({"cursor": "x"}, "cursor"), ({"limit": "0"}, "limit"), ({"max_id": "1"}, "max_id")):
        answer = await http.get(PATH, params=params, headers=bobs)
        assert answer.status_code == 422
        assert name in answer.text
    assert (await http.get(PATH)).status_code == 401


async def test_what_was_missed_is_ranked_from_a_status_on(http: httpx2.AsyncClient, world: World) -> None:
    (_, alices), (_, bobs) = world.newcomer("alice"), world.newcomer("bob")
    made = [(await http.post("/api/v1/statuses", json={"status": f"{n}"}, headers=alices)).json() for n in range(4)]
    path = "/api/rookery/v1/timelines/catch_up"
    body = (await http.get(path, params={"since_id": made[1]["id"], "limit": 1}, headers=bobs)).json()
    assert [status["id"] for status in body["items"]] == [made[2]["id"]]
    assert world.feed.made("ListForYou")[-1].request.since_id == int(made[1]["id"])
    further = await http.get(path, params={"cursor": body["next_cursor"]}, headers=bobs)
    assert [status["id"] for status in further.json()["items"]] == [made[3]["id"]]
    assert (await http.get(path, headers=bobs)).status_code == 422
