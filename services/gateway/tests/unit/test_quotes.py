"""Quotes over HTTP: made with a status, shown as far as their viewers may see them, listed, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import post_pb2
from rookery.user.v1.relationship_service_pb2 import MuteAccountRequest

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses/600"


@pytest.fixture
def quoted(world: World) -> post_pb2.Post:
    """Alice's post 600, which anybody may quote, and 601 of bob's, which does."""
    alice, _ = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    post = post_pb2.Post(post_id=600, author_id=alice, text="A crow", version=1)
    quoting = post_pb2.Post(post_id=601, author_id=bob, text="Look", version=1)
    for each in (post, quoting):
        each.visibility, each.quote_policy = post_pb2.VISIBILITY_PUBLIC, post_pb2.QUOTE_POLICY_PUBLIC
        world.post.posts[each.post_id] = each
    quoting.quote.post_id, quoting.quote.author_id = 600, alice
    quoting.quote.state = post_pb2.QUOTE_STATE_ACCEPTED
    return post


@pytest.mark.parametrize("form", ["data", "json"])
async def test_a_status_quotes_in_each_form(
    http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post, form: str
) -> None:
    _, headers = world.newcomer("carol")
    sent: Any = {form: {"status": "Look", "quoted_status_id": "600", "quote_approval_policy": "followers"}}
    status = (await http.post("/api/v1/statuses", headers=headers, **sent)).json()
    [call] = world.post.made("CreatePost")
    assert (call.request.quoted_id, call.request.quote_policy) == (600, post_pb2.QUOTE_POLICY_FOLLOWERS)
    assert status["quote"]["state"] == "accepted"
    assert status["quote"]["quoted_status"]["id"] == "600"
    assert status["quote_approval"] == {"automatic": ["followers"], "manual": [], "current_user": "automatic"}
    assert status["quote"]["quoted_status"]["quote"] is None


async def test_a_quote_of_a_quote_names_no_more_than_the_id(
    http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post
) -> None:
    _, headers = world.newcomer("carol")
    form = {"status": "Look", "quoted_status_id": "601"}
    status = (await http.post("/api/v1/statuses", headers=headers, data=form)).json()
    assert status["quote"]["quoted_status"]["quote"] == {"state": "accepted", "quoted_status_id": "600"}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (post_pb2.QUOTE_STATE_DELETED, "deleted"),
        (post_pb2.QUOTE_STATE_UNAUTHORIZED, "unauthorized"),
        (post_pb2.QUOTE_STATE_ACCEPTED, "accepted"),
    ],
)
async def test_a_quote_is_shown_as_the_viewer_may_see_it(
    http: httpx2.AsyncClient,
    world: World,
    quoted: post_pb2.Post,
    state: post_pb2.QuoteState.ValueType,
    shown: str,
) -> None:
    world.post.quote_states[601] = state
    for headers in ({}, world.newcomer("carol")[1]):
        quote = (await http.get("/api/v1/statuses/601", headers=headers)).json()["quote"]
        assert (quote["state"], quote["quoted_status"] is None) == (shown, shown != "accepted")


@pytest.mark.parametrize(
    ("relation", "shown"),
    [("blocking", "blocked_account"), ("muting", "muted_account"), ("blocked_by", "unauthorized")],
)
async def test_a_quote_of_somebody_avoided_says_so(
    http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post, relation: str, shown: str
) -> None:
    carol, headers = world.newcomer("carol")
    here, there = (carol, quoted.author_id), (quoted.author_id, carol)
    if relation == "muting":
        world.relationships.mutes[here] = MuteAccountRequest()
    else:
        world.relationships.blocks.add(here if relation == "blocking" else there)
    quote = (await http.get("/api/v1/statuses/601", headers=headers)).json()["quote"]
    assert (quote["state"], quote["quoted_status"] is None) == (shown, shown == "unauthorized")


async def test_who_may_quote_is_said_to_each(http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post) -> None:
    _, headers = world.newcomer("carol")
    for policy, automatic, current in (
        (post_pb2.QUOTE_POLICY_PUBLIC, ["public"], "automatic"),
        (post_pb2.QUOTE_POLICY_FOLLOWERS, ["followers"], "denied"),
        (post_pb2.QUOTE_POLICY_NOBODY, [], "denied"),
    ):
        quoted.quote_policy, quoted.version = policy, quoted.version + 1
        approval = (await http.get(URL, headers=headers)).json()["quote_approval"]
        assert approval == {"automatic": automatic, "manual": [], "current_user": current}
        assert (await http.get(URL)).json()["quote_approval"]["current_user"] == "denied"


async def test_quotes_are_listed_in_pages(http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post) -> None:
    _, headers = world.newcomer("carol")
    assert (await http.get(f"{URL}/quotes")).status_code == 401
    another = post_pb2.Post()
    another.CopyFrom(world.post.posts[601])
    another.post_id = 602
    world.post.posts[602] = another
    answer = await http.get(f"{URL}/quotes", headers=headers, params={"limit": 1})
    assert [status["id"] for status in answer.json()] == ["602"]
    assert answer.links["next"]["url"].endswith("/api/v1/statuses/600/quotes?limit=1&max_id=602")
    answer = await http.get(f"{URL}/quotes", headers=headers, params={"max_id": 602})
    assert [status["id"] for status in answer.json()] == ["601"]


async def test_a_status_is_taken_away_from_one_that_quotes_it(
    http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post
) -> None:
    headers = {"authorization": f"Bearer {world.auth.grant(quoted.author_id)}"}
    status = (await http.post(f"{URL}/quotes/601/revoke", headers=headers)).json()
    assert (status["id"], status["quote"]) == ("601", {"state": "revoked", "quoted_status": None})


async def test_who_may_quote_is_changed(http: httpx2.AsyncClient, world: World, quoted: post_pb2.Post) -> None:
    headers = {"authorization": f"Bearer {world.auth.grant(quoted.author_id)}"}
    status = (
        await http.put(f"{URL}/interaction_policy", headers=headers, data={"quote_approval_policy": "nobody"})
    ).json()
    assert status["quote_approval"] == {"automatic": [], "manual": [], "current_user": "automatic"}
    for wrong in ({}, {"quote_approval_policy": "everybody"}):
        answer = await http.put(f"{URL}/interaction_policy", headers=headers, json=wrong)
        assert (answer.status_code, list(answer.json()["details"])) == (422, ["quote_approval_policy"])


async def test_a_post_that_does_not_say_who_may_quote_it_is_as_its_author_chose(
    http: httpx2.AsyncClient, world: World
) -> None:
    _, headers = world.newcomer("alice")
    source: Any = {"source": {"quote_policy": "nobody"}}
    for _ in range(2):
        for fields in ({}, {"quote_approval_policy": "followers"}):
            status = {"status": "A crow", **fields}
            assert (await http.post("/api/v1/statuses", headers=headers, json=status)).status_code == 200
        await http.patch("/api/v1/accounts/update_credentials", json=source, headers=headers)
    nobody, followers = post_pb2.QUOTE_POLICY_NOBODY, post_pb2.QUOTE_POLICY_FOLLOWERS
    named = [call.request.quote_policy for call in world.post.made("CreatePost")]
    assert named == [post_pb2.QUOTE_POLICY_UNSPECIFIED, followers, nobody, followers]
