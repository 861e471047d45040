"""Editing a status, and its history, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import edit_service_pb2 as pb
from rookery.post.v1 import post_pb2
from rookery.user.v1.relationship_service_pb2 import MuteAccountRequest
from rookery_common.errors import NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses/600"


@pytest.fixture
def author(world: World) -> dict[str, str]:
    """Headers of alice's, who has posted 600."""
    account_id, headers = world.newcomer("alice")
    post = post_pb2.Post(post_id=600, author_id=account_id, text="First", version=1)
    post.visibility = post_pb2.VISIBILITY_PUBLIC
    world.post.posts[600] = post

    def edit(request: pb.EditPostRequest, who: Any) -> pb.EditPostResponse:
        held = world.post.posts.get(request.post_id)
        if held is None or held.author_id != who.account_id:
            raise NotFound("no")
        held.text, held.spoiler_text, held.sensitive = request.text, request.spoiler_text, request.sensitive
        held.edit_time.FromSeconds(1_700_000_060)
        held.version += 1
        return pb.EditPostResponse(post=held)

    def revisions(_request: pb.ListRevisionsRequest, _who: Any) -> pb.ListRevisionsResponse:
        answer = pb.ListRevisionsResponse()
        for text, seconds in (("First", 1_700_000_000), ("Second #birds", 1_700_000_060)):
            answer.revisions.add(text=text, sensitive=True, tags=["birds"]).create_time.FromSeconds(seconds)
        return answer

    world.post.EditPost, world.post.ListRevisions = edit, revisions  # type: ignore[attr-defined]
    return headers


@pytest.mark.parametrize("form", ["data", "json"])
async def test_an_edit_says_all_that_the_status_is_from_now_on(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], form: str
) -> None:
    values: dict[str, Any] = {"status": "Second", "spoiler_text": "cw", "sensitive": True, "language": "de"}
    if form == "data":
        values |= {
            "media_ids[]": ["7", "8"],
            "media_attributes[][id]": "7",
            "media_attributes[][description]": "A crow",
            "media_attributes[][focus]": "0.5,-0.5",
        }
    else:
        attributes = {"id": "7", "description": "A crow", "focus": "0.5,-0.5"}
        values |= {"media_ids": ["7", "8"], "media_attributes": [attributes]}
    body: Any = {form: values}
    answer = await http.put(URL, headers=author, **body)
    assert (answer.status_code, answer.json()["content"], answer.json()["edited_at"]) == (
        200,
        "<p>Second</p>",
        "2023-11-14T22:14:20.000Z",
    )
    [call] = world.post.made("EditPost")
    assert call.request == pb.EditPostRequest(
        post_id=600,
        text="Second",
        spoiler_text="cw",
        sensitive=True,
        language="de",
        media_ids=[7, 8],
        media_attributes=[pb.MediaAttributes(media_id=7, description="A crow", focus_x=0.5, focus_y=-0.5)],
    )


async def test_only_its_author_edits_a_status(http: httpx2.AsyncClient, world: World, author: dict[str, str]) -> None:
    _, others = world.newcomer("bob")
    _, readers = world.newcomer("carol", "read")
    assert (await http.put(URL, json={"status": "x"}, headers=others)).status_code == 404
    assert (await http.put(URL, json={"status": "x"}, headers=readers)).status_code == 403
    assert (await http.put(URL, json={"status": "x"})).status_code == 401
    assert (await http.put("/api/v1/statuses/x", json={"status": "x"}, headers=author)).status_code == 404


async def test_the_history_is_shown_to_whom_the_status_is(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    answer = (await http.get(f"{URL}/history")).json()
    assert [revision["created_at"] for revision in answer] == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:14:20.000Z"]
    assert answer[0]["content"] == "<p>First</p>"
    assert "/tags/birds" in answer[1]["content"]
    assert {revision["account"]["username"] for revision in answer} == {"alice"}
    assert set(answer[0]) == {
        "content",
        "spoiler_text",
        "sensitive",
        "created_at",
        "media_attachments",
        "emojis",
        "quote",
        "account",
    }
    assert answer[0]["quote"] is None
    assert (await http.get("/api/v1/statuses/5/history")).status_code == 404


@pytest.mark.parametrize("post_id", [600, 602])
async def test_each_revision_has_the_quote_as_its_viewer_is_shown_it_now(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], post_id: int
) -> None:
    """Also that of what a reblog shows, whose author it is."""
    bob, _ = world.newcomer("bob")
    carol, headers = world.newcomer("carol")
    quoting = world.post.posts[600]
    for number, account_id in ((601, bob), (602, carol)):
        post = post_pb2.Post(post_id=number, author_id=account_id, text="A crow", version=1)
        post.visibility = post_pb2.VISIBILITY_PUBLIC
        world.post.posts[number] = post
    world.post.posts[602].reblog_of_id = 600
    quoting.quote.post_id, quoting.quote.author_id = 601, bob
    quoting.quote.state = post_pb2.QUOTE_STATE_ACCEPTED

    async def shown(headers: dict[str, str]) -> tuple[str, str | None]:
        history = (await http.get(f"/api/v1/statuses/{post_id}/history", headers=headers)).json()
        status = (await http.get(URL, headers=headers)).json()
        assert {revision["account"]["username"] for revision in history} == {"alice"}
        assert [revision["quote"] for revision in history] == [status["quote"]] * 2
        quoted = status["quote"]["quoted_status"]
        return status["quote"]["state"], quoted and quoted["id"]

    for reader in ({}, headers):
        assert await shown(reader) == ("accepted", "601")
    world.relationships.mutes[carol, bob] = MuteAccountRequest()
    assert await shown(headers) == ("muted_account", "601")
    world.relationships.blocks.add((bob, carol))
    assert await shown(headers) == ("unauthorized", None)
    assert await shown({}) == ("accepted", "601")
    for state, name in (
        (post_pb2.QUOTE_STATE_UNAUTHORIZED, "unauthorized"),
        (post_pb2.QUOTE_STATE_DELETED, "deleted"),
    ):
        world.post.quote_states[600] = state
        for reader in ({}, headers):
            assert await shown(reader) == (name, None)
    quoting.quote.state, quoting.version = post_pb2.QUOTE_STATE_REVOKED, quoting.version + 1
    assert await shown({}) == ("revoked", None)
