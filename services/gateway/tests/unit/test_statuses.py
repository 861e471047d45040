"""Posting and reading posts over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1.post_pb2 import VISIBILITY_PRIVATE, VISIBILITY_PUBLIC
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v1/statuses"


async def test_post_is_made_and_answered(http: httpx2.AsyncClient, world: World) -> None:
    account_id, headers = world.newcomer("alice")
    answer = await http.post(URL, json={"status": "Hello", "visibility": "private"}, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["content"] == "<p>Hello</p>"
    assert answer.json()["account"]["id"] == str(account_id)
    [call] = world.post.made("CreatePost")
    assert call.request.visibility == VISIBILITY_PRIVATE
    assert call.request.application_name == "Test app"
    assert call.identity is not None
    assert call.identity.account_id == account_id


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"status": "Hi", "media_ids": ["90001", 90002], "sensitive": True, "in_reply_to_id": "5"}},
        {
            "content": "status=Hi&media_ids[]=90001&media_ids[]=90002&sensitive=true&in_reply_to_id=5",
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        },
        {"data": {"status": "Hi", "media_ids[]": ["90001", "90002"], "sensitive": "1", "in_reply_to_id": "5"}},
        {
            "files": [
                ("status", (None, "Hi")),
                ("media_ids[]", (None, "90001")),
                ("media_ids[]", (None, "90002")),
                ("sensitive", (None, "on")),
                ("in_reply_to_id", (None, "5")),
            ]
        },
    ],
)
async def test_post_is_the_same_in_each_encoding(http: httpx2.AsyncClient, world: World, sent: dict[str, Any]) -> None:
    _, headers = world.newcomer("alice")
    world.post.media.update({90001: Any, 90002: Any})  # type: ignore[dict-item]
    sent = {**sent, "headers": {**sent.get("headers", {}), **headers}}
    answer = await http.post(URL, **sent)
    assert answer.status_code == 200, answer.text
    [call] = world.post.made("CreatePost")
    assert call.request.text == "Hi"
    assert list(call.request.media_ids) == [90001, 90002]
    assert call.request.sensitive
    assert call.request.in_reply_to_id == 5
    assert call.request.visibility == VISIBILITY_PUBLIC


async def test_what_was_made_just_now_is_shown_without_being_asked_for(
    http: httpx2.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    batch_get_posts = world.batch_get_posts

    async def note(viewer: Any, known: Any) -> Any:
        asked.extend(known)
        return await batch_get_posts(viewer, known)

    monkeypatch.setattr(world, "batch_get_posts", note)
    _, headers = world.newcomer("alice")
    keyed = {**headers, "idempotency-key": "k1"}
    poll = {"options": ["a", "b"], "expires_in": 300}
    for body in ({"status": "Once"}, {"status": "Which?", "poll": poll}):
        made = (await http.post(URL, json=body, headers=headers)).json()
        assert asked == []
        assert made == (await http.get(f"{URL}/{made['id']}", headers=headers)).json()
        asked.clear()
    first = (await http.post(URL, json={"status": "Twice"}, headers=keyed)).json()
    # What the same request made before may have been marked since; what it answers may be muted.
    assert asked == []
    assert (await http.post(URL, json={"status": "Twice"}, headers=keyed)).json() == first
    reply = (await http.post(URL, json={"status": "Thrice", "in_reply_to_id": first["id"]}, headers=headers)).json()
    assert {int(first["id"]), int(reply["id"])} <= set(asked)


async def test_idempotency_key_is_handed_on(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    keyed = {**headers, "idempotency-key": "k1"}
    first = await http.post(URL, json={"status": "Once"}, headers=keyed)
    second = await http.post(URL, json={"status": "Once"}, headers=keyed)
    assert first.json()["id"] == second.json()["id"]
    assert [call.request.request_id for call in world.post.made("CreatePost")] == ["k1", "k1"]


async def test_too_long_idempotency_key_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, json={"status": "Once"}, headers={**headers, "idempotency-key": "k" * 201})
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["error"]
    assert not world.post.made("CreatePost")


async def test_own_post_is_added_to_ones_home(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, json={"status": "Hello"}, headers=headers)
    [call] = world.feed.made("AddOwnPost")
    assert str(call.request.post_id) == answer.json()["id"]
    assert call.timeout <= 1


async def test_post_succeeds_while_feed_is_away(http: httpx2.AsyncClient, world: World, away: Unavailable) -> None:
    _, headers = world.newcomer("alice")
    world.feed.failure = away
    answer = await http.post(URL, json={"status": "Hello"}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": 7}, "status"),
        ({"status": ["a"]}, "status"),
        ({"status": {"a": "b"}}, "status"),
        ({"status": "a\0b"}, "status"),
        ({"status": ""}, "status"),
        ({"status": "x" * 501}, "status"),
        ({"status": "a", "visibility": "secret"}, "visibility"),
        ({"status": "a", "visibility": 3}, "visibility"),
        ({"status": "a", "sensitive": "perhaps"}, "sensitive"),
        ({"status": "a", "sensitive": []}, "sensitive"),
        ({"status": "a", "media_ids": "abc"}, "media_ids"),
        ({"status": "a", "media_ids": {"a": "1"}}, "media_ids"),
        ({"status": "a", "media_ids": [["1"]]}, "media_ids"),
        ({"status": "a", "media_ids": list(range(1, 30))}, "media_ids"),
        ({"status": "a", "in_reply_to_id": "x"}, "in_reply_to_id"),
        ({"status": "a", "in_reply_to_id": 2**70}, "in_reply_to_id"),
        ({"status": "a", "in_reply_to_id": 1.5}, "in_reply_to_id"),
        ({"status": "a", "language": 5}, "language"),
        ({"status": "a", "poll": "which"}, "poll"),
        ({"status": "a", "poll": {"options": ["a", 1], "expires_in": 300}}, "poll.options"),
        ({"status": "a", "poll": {"options": ["a", "b"], "expires_in": "soon"}}, "poll.expires_in"),
        ({"status": "a", "poll": {"options": ["a", "b"], "expires_in": 300, "multiple": 7}}, "poll.multiple"),
    ],
)
async def test_bad_field_is_named(http: httpx2.AsyncClient, world: World, body: dict[str, Any], field: str) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, content=json.dumps(body), headers={**headers, "content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["details"]
    assert answer.json()["error"].startswith("Validation failed: ")
    assert not world.post.posts


async def test_unknown_media_is_named(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, json={"status": "a", "media_ids": ["12345"]}, headers=headers)
    assert answer.status_code == 422
    assert "media" in answer.json()["error"]


async def test_unknown_field_is_ignored(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, json={"status": "Hi", "mood": "good"}, headers=headers)
    assert answer.status_code == 200


async def test_status_is_read_with_and_without_a_token(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    posted = (await http.post(URL, json={"status": "Hello"}, headers=headers)).json()
    for given in (headers, world.app_headers(), {}):
        answer = await http.get(f"{URL}/{posted['id']}", headers=given)
        assert answer.json()["id"] == posted["id"]


@pytest.mark.parametrize("post_id", ["1", "abc", "0", "-1", "9" * 30, "1.5", "%00", "\uff11"])
async def test_unknown_status_is_not_found(http: httpx2.AsyncClient, post_id: str) -> None:
    answer = await http.get(f"{URL}/{post_id}")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Record not found"}


async def test_several_statuses_are_read_at_once(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    ids = [(await http.post(URL, json={"status": str(n)}, headers=headers)).json()["id"] for n in range(3)]
    answer = await http.get(f"{URL}?id[]={ids[2]}&id[]={ids[0]}&id[]=1")
    assert [status["id"] for status in answer.json()] == [ids[2], ids[0]]


async def test_posting_needs_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read", "write:media")
    answer = await http.post(URL, json={"status": "Hi"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "This action is outside the authorized scopes"


async def test_posting_needs_a_user(http: httpx2.AsyncClient, world: World) -> None:
    answer = await http.post(URL, json={"status": "Hi"}, headers=world.app_headers())
    assert answer.status_code == 422
    assert answer.json()["error"] == "This method requires an authenticated user"


async def test_posting_while_post_is_away_asks_to_come_back(
    http: httpx2.AsyncClient, world: World, away: Unavailable
) -> None:
    _, headers = world.newcomer("alice")
    world.post.failure = away
    answer = await http.post(URL, json={"status": "Hi"}, headers=headers)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "error" in answer.json()
