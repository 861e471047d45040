"""Drafts over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import draft_service_pb2 as pb
from rookery.post.v1.post_pb2 import VISIBILITY_UNLISTED
from rookery_common.errors import FailedPrecondition, NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/rookery/v1/drafts"


class Changed(FailedPrecondition):
    reason = "DRAFT_CHANGED"


class Kept(dict[int, pb.Draft]):
    def find(self, request: Any) -> pb.Draft:
        if request.draft_id not in self:
            raise NotFound("there is no such draft")
        draft = self[request.draft_id]
        if getattr(request, "version", 0) not in (0, draft.version):
            raise Changed("the draft has been changed meanwhile")
        return draft


@pytest.fixture
def author(world: World) -> dict[str, str]:
    """Headers of alice's, who keeps no draft yet."""
    _, headers = world.newcomer("alice")
    held = Kept()

    def create(request: Any, _who: Any) -> Any:
        made = pb.Draft(draft_id=700 + len(held), version=7, post=request.post)
        held[made.draft_id] = made
        return pb.CreateDraftResponse(draft=made)

    def update(request: Any, _who: Any) -> Any:
        held.find(request).post.CopyFrom(request.post)
        held[request.draft_id].version += 1
        return pb.UpdateDraftResponse(draft=held[request.draft_id])

    def delete(request: Any, _who: Any) -> Any:
        del held[held.find(request).draft_id]
        return pb.DeleteDraftResponse()

    def page(request: Any, _who: Any) -> Any:
        found = [each for number, each in sorted(held.items(), reverse=True) if number < (request.max_id or 2**62)]
        reached = found[request.page_size - 1].draft_id if len(found) > request.page_size else 0
        return pb.ListDraftsResponse(drafts=found[: request.page_size], reached_id=reached)

    def publish(request: Any, who: Any) -> Any:
        post = world.post.CreatePost(held.find(request).post, who).post
        return pb.PublishDraftResponse(post=post)

    def get(request: Any, _who: Any) -> Any:
        return pb.GetDraftResponse(draft=held.find(request))

    acts = {"CreateDraft": create, "UpdateDraft": update, "DeleteDraft": delete, "PublishDraft": publish}
    for name, act in (acts | {"GetDraft": get, "ListDrafts": page}).items():
        setattr(world.post, name, act)
    return headers


@pytest.mark.parametrize("form", ["data", "json"])
async def test_a_draft_says_what_a_status_would(http: httpx2.AsyncClient, author: dict[str, str], form: str) -> None:
    sent: Any = {form: {"status": "Begun", "visibility": "unlisted", "spoiler_text": "cw"}}
    made = await http.post(URL, headers=author, **sent)
    assert (made.status_code, made.headers["etag"]) == (200, '"7"')
    draft = made.json()
    assert (draft["id"], draft["version"], draft["media_attachments"]) == ("700", "7", [])
    params = draft["params"]
    assert (params["text"], params["visibility"], params["spoiler_text"]) == ("Begun", "unlisted", "cw")
    assert (await http.get(f"{URL}/700", headers=author)).json() == draft


async def test_a_draft_that_does_not_say_who_may_quote_it_is_as_its_author_chose(
    http: httpx2.AsyncClient, author: dict[str, str]
) -> None:
    source: Any = {"source": {"quote_policy": "nobody"}}
    await http.patch("/api/v1/accounts/update_credentials", json=source, headers=author)
    for fields, policy in (({}, "nobody"), ({"quote_approval_policy": "followers"}, "followers")):
        draft = (await http.post(URL, headers=author, json={"status": "Begun", **fields})).json()
        assert draft["params"]["quote_approval_policy"] == policy


async def test_drafts_are_listed_in_pages(http: httpx2.AsyncClient, author: dict[str, str]) -> None:
    for _ in range(3):
        await http.post(URL, headers=author, json={"status": "x"})
    first = await http.get(URL, headers=author, params={"limit": 2})
    assert [each["id"] for each in first.json()["items"]] == ["702", "701"]
    assert "max_id=701" in first.headers["link"]
    rest = await http.get(URL, headers=author, params={"limit": 2, "max_id": "701"})
    assert [each["id"] for each in rest.json()["items"]] == ["700"]


async def test_a_device_overwrites_only_what_it_has_seen(
    http: httpx2.AsyncClient, world: World, author: dict[str, str]
) -> None:
    tag = (await http.post(URL, headers=author, json={"status": "One"})).headers["etag"]
    seen = author | {"if-match": tag}
    changed = await http.put(f"{URL}/700", headers=seen, json={"status": "Two", "visibility": "unlisted"})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"8"')
    stale = [
        await http.put(f"{URL}/700", headers=seen, json={"status": "Three"}),
        await http.delete(f"{URL}/700", headers=seen),
        await http.post(f"{URL}/700/publish", headers=seen),
    ]
    assert [answer.status_code for answer in stale] == [412] * 3
    assert stale[0].headers["content-type"] == "application/problem+json"
    [call] = world.post.made("UpdateDraft")[:1]
    assert (call.request.version, call.request.post.visibility) == (7, VISIBILITY_UNLISTED)


@pytest.mark.parametrize("tag", ["7", '"x"', 'W/"7"', '"99999999999999999999"', '"7", "8"'])
async def test_what_is_no_tag_of_a_draft_is_refused(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], tag: str
) -> None:
    answer = await http.put(f"{URL}/700", headers=author | {"if-match": tag}, json={"status": "x"})
    assert (answer.status_code, world.post.made("UpdateDraft")) == (422, [])


async def test_a_draft_is_published_as_a_status(http: httpx2.AsyncClient, world: World, author: dict[str, str]) -> None:
    await http.post(URL, headers=author, json={"status": "Finished"})
    status = await http.post(f"{URL}/700/publish", headers=author | {"idempotency-key": "k"})
    assert (status.status_code, status.json()["content"]) == (200, "<p>Finished</p>")
    [call] = world.post.made("PublishDraft")
    assert (call.request.request_id, call.request.application_name) == ("k", "Test app")
    assert (await http.delete(f"{URL}/700", headers=author)).json() == {}
    assert (await http.get(f"{URL}/700", headers=author)).status_code == 404
