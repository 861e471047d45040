"""How one wants one's home, over HTTP, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.cache import PostFragment
from gateway_service.columns import relation_in
from gateway_service.compose.audience import Why, why_not_home
from gateway_service.compose.preferences import rule_of
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.preference_service_pb2 import HomePreferences

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH, HOME = "/api/rookery/v1/feed/preferences", "/api/v1/timelines/home"
BOB, ALICE, CAROL = 102, 101, 103
PLATFORMS: dict[str, Any] = {
    "order": "chronological",
    "reblogs": True,
    "replies": True,
    "ranking_weights": {},
    "author_weights": {},
}


async def test_preferences_are_set_as_a_whole(http: httpx2.AsyncClient, world: World) -> None:
    _, bobs = world.newcomer("bob")
    assert (await http.get(PATH, headers=bobs)).json() == PLATFORMS
    wanted = {
        "order": "ranked",
        "reblogs": False,
        "replies": False,
        "ranking_weights": {"recency": 2.5, "affinity": 0},
        "author_weights": {"17": 0.5},
    }
    assert (await http.put(PATH, json=wanted, headers=bobs)).json() == wanted
    assert (await http.get(PATH, headers=bobs)).json() == wanted
    assert (await http.put(PATH, json={}, headers=bobs)).json() == PLATFORMS


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"order": "best"}, "order"),
        ({"reblogs": "some"}, "reblogs"),
        ({"ranking_weights": 3}, "ranking_weights"),
        ({"ranking_weights": {"recency": "much"}}, "ranking_weights.recency"),
        ({"ranking_weights": {"fame": 1}}, "ranking_weights"),
        ({"author_weights": {"alice": 1}}, "author_weights"),
        ({"author_weights": {"99999999999999999999": 1}}, "author_weights"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_what_is_no_preference_is_named(
    http: httpx2.AsyncClient, world: World, wrong: dict[str, Any], named: str
) -> None:
    _, bobs = world.newcomer("bob")
    answer = await http.put(PATH, json=wrong, headers=bobs)
    assert (answer.status_code, named in answer.text) == (422, True)
    assert (await http.get(PATH, headers=bobs)).json() == PLATFORMS


async def test_a_home_is_as_it_was_chosen_with_the_next_request(http: httpx2.AsyncClient, world: World) -> None:
    (alice, alices), (bob, bobs) = world.newcomer("alice"), world.newcomer("bob")
    world.user.follows.add((bob, alice))
    made = [(await http.post("/api/v1/statuses", json={"status": f"{n}"}, headers=alices)).json() for n in range(3)]
    ids = [status["id"] for status in made]

    async def home(**params: Any) -> httpx2.Response:
        return await http.get(HOME, params=params, headers=bobs)

    assert [status["id"] for status in (await home()).json()] == ids[::-1]
    await http.put(PATH, json={"author_weights": {str(alice): 0}}, headers=bobs)
    assert (await home()).json() == []
    await http.put(PATH, json={"order": "ranked"}, headers=bobs)
    first = await home(limit=2)
    assert [status["id"] for status in first.json()] == ids[:2]
    assert f'min_id={ids[1]}>; rel="prev"' in first.headers["link"]
    assert f'max_id=after-{ids[1]}>; rel="next"' in first.headers["link"]
    # Who names ids reads by time, and so misses nothing.
    assert [status["id"] for status in (await home(max_id=ids[2])).json()] == ids[1::-1]
    second = await home(max_id=f"after-{ids[1]}-and-so-on-and-on"[:60])
    assert second.status_code == 422
    assert "max_id" in second.json()["details"]


@pytest.mark.parametrize(
    ("preferences", "reason", "post", "why"),
    [
        (
            HomePreferences(without_replies=True),
            Reason.REASON_FOLLOWED_AUTHOR,
            {"reply_to_account_id": CAROL},
            Why.NOT_WANTED,
        ),
        (HomePreferences(without_replies=True), Reason.REASON_FOLLOWED_AUTHOR, {"reply_to_account_id": BOB}, None),
        (HomePreferences(without_replies=True), Reason.REASON_FOLLOWED_AUTHOR, {"reply_to_account_id": ALICE}, None),
        (HomePreferences(without_reblogs=True), Reason.REASON_REBLOG, {"reblog_of_id": 7}, Why.NOT_WANTED),
        (HomePreferences(without_reblogs=True), Reason.REASON_FOLLOWED_AUTHOR, {}, None),
        (HomePreferences(author_weights={ALICE: 0}), Reason.REASON_FOLLOWED_AUTHOR, {}, Why.NOT_WANTED),
        (HomePreferences(author_weights={ALICE: 0.5}), Reason.REASON_FOLLOWED_AUTHOR, {}, None),
    ],
)
def test_what_is_not_wanted_is_left_out(
    preferences: HomePreferences, reason: int, post: dict[str, int], why: Why | None
) -> None:
    fragment = PostFragment(
        version=1,
        author_id=ALICE,
        head=b"",
        reply_to_account_id=post.get("reply_to_account_id", 0),
        reblog_of_id=post.get("reblog_of_id", 0),
    )
    followed = relation_in(Relationship(following=True, showing_reblogs=True))
    rule = rule_of(preferences)
    assert rule(BOB, fragment, reason, {ALICE: followed, CAROL: followed}) == why
    own = PostFragment(version=1, author_id=BOB, head=b"", reply_to_account_id=CAROL, reblog_of_id=0)
    assert rule(BOB, own, Reason.REASON_OWN_POST, {CAROL: followed}) is None


def test_who_has_chosen_nothing_reads_as_before() -> None:
    assert rule_of(HomePreferences(ranked=True, author_weights={ALICE: 1.5})) is why_not_home
