"""Decisions about replies over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import post_pb2
from rookery.post.v1.reply_service_pb2 import RemoveReplyRequest

if TYPE_CHECKING:
    from gateway_fakes.world import World

OURS = "/api/rookery/v1/statuses"


@pytest.mark.parametrize("form", ["data", "json"])
async def test_a_status_says_who_may_reply(http: httpx2.AsyncClient, world: World, form: str) -> None:
    _, headers = world.newcomer("alice")
    sent: Any = {form: {"status": "News", "reply_policy": "mentioned"}}
    status = (await http.post("/api/v1/statuses", headers=headers, **sent)).json()
    [call] = world.post.made("CreatePost")
    assert call.request.reply_policy == post_pb2.REPLY_POLICY_MENTIONED
    assert status["reply_policy"] == "mentioned"
    sent = {form: {"reply_policy": "everyone"}}
    changed = await http.put(f"{OURS}/{status['id']}/reply_policy", headers=headers, **sent)
    assert changed.json()["reply_policy"] == "everyone"


async def test_a_reply_is_taken_out_of_a_thread(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    first, reply = [
        (await http.post("/api/v1/statuses", headers=headers, data={"status": "x"})).json()["id"] for _ in range(2)
    ]
    answer = await http.delete(f"{OURS}/{first}/replies/{reply}", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})
    [call] = world.post.made("RemoveReply")
    assert call.request == RemoveReplyRequest(post_id=int(first), reply_post_id=int(reply))
    assert (await http.delete(f"{OURS}/{first}/replies/1", headers=headers)).status_code == 404
    assert (await http.delete(f"{OURS}/{first}/replies/{reply}")).status_code == 401


@pytest.mark.parametrize("body", [{}, {"reply_policy": "friends"}, {"reply_policy": "nobody", "other": "1"}])
async def test_a_wrong_policy_is_refused_by_its_field(
    http: httpx2.AsyncClient, world: World, body: dict[str, str]
) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.put(f"{OURS}/1/reply_policy", headers=headers, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
