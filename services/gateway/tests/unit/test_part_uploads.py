"""Uploads in parts over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rookery.post.v1 import media_pb2
from rookery.post.v1 import upload_service_pb2 as pb
from rookery_common.errors import FailedPrecondition, NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/rookery/v1/media/uploads"


class Incomplete(FailedPrecondition):
    reason = "UPLOAD_INCOMPLETE"


@pytest.fixture
def author(world: World) -> dict[str, str]:
    """Headers of alice's, who uploads nothing yet."""
    _, headers = world.newcomer("alice")
    held: dict[int, pb.Upload] = {}

    def find(upload_id: int) -> pb.Upload:
        if upload_id not in held:
            raise NotFound("there is no such upload of yours")
        return held[upload_id]

    def create(request: Any, _who: Any) -> Any:
        upload = pb.Upload(upload_id=800 + len(held), size=request.size, part_size=5)
        upload.expire_time.FromSeconds(1_800_000_000)
        upload.missing.add(number=1, size=request.size, url="https://store.example/uploads/a?part=1")
        held[upload.upload_id] = upload
        return pb.CreateUploadResponse(upload=upload)

    def get(request: Any, _who: Any) -> Any:
        return pb.GetUploadResponse(upload=find(request.upload_id))

    def complete(request: Any, _who: Any) -> Any:
        if find(request.upload_id).missing:
            raise Incomplete("these parts are missing, or not of their size: 1")
        media = media_pb2.Media(media_id=request.upload_id, type=media_pb2.MEDIA_TYPE_VIDEO)
        return pb.CompleteUploadResponse(media=media)

    def abort(request: Any, _who: Any) -> Any:
        del held[find(request.upload_id).upload_id]
        return pb.AbortUploadResponse()

    acts = {"CreateUpload": create, "GetUpload": get, "CompleteUpload": complete, "AbortUpload": abort}
    for name, act in acts.items():
        setattr(world.post, name, act)
    world.uploads = held  # type: ignore[attr-defined] # for the test that puts the parts
    return headers


@pytest.mark.parametrize("form", ["data", "json"])
async def test_an_upload_is_begun_put_and_completed(
    http: httpx2.AsyncClient, world: World, author: dict[str, str], form: str
) -> None:
    sent: Any = {form: {"name": "a.mp4", "type": "video/mp4", "size": 12, "description": "A rook", "focus": "0.5,-0.5"}}
    begun = (await http.post(URL, headers={**author, "idempotency-key": "k1"}, **sent)).json()
    part = {"number": 1, "size": 12, "url": "https://store.example/uploads/a?part=1"}
    assert begun == {
        "id": "800",
        "size": 12,
        "part_size": 5,
        "parts": [part],
        "expires_at": "2027-01-15T08:00:00.000Z",
    }
    [call] = world.post.made("CreateUpload")
    header = call.request.header
    assert (header.filename, header.content_type, header.description) == ("a.mp4", "video/mp4", "A rook")
    assert (header.focus_x, header.focus_y, header.request_id) == (0.5, -0.5, "k1")
    refused = await http.post(f"{URL}/800/complete", headers=author)
    assert (refused.status_code, "missing" in refused.json()["detail"]) == (422, True)
    del world.uploads[800].missing[:]  # type: ignore[attr-defined]
    assert (await http.get(f"{URL}/800", headers=author)).json()["parts"] == []
    made = (await http.post(f"{URL}/800/complete", headers=author)).json()
    assert (made["id"], made["type"]) == ("800", "video")


async def test_an_upload_is_given_up(http: httpx2.AsyncClient, author: dict[str, str]) -> None:
    await http.post(URL, headers=author, json={"size": 12})
    answer = await http.delete(f"{URL}/800", headers=author)
    assert (answer.status_code, answer.json()) == (200, {})
    for method, path in (("GET", ""), ("POST", "/complete"), ("DELETE", "")):
        assert (await http.request(method, f"{URL}/800{path}", headers=author)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "size"),
        ({"size": 0}, "size"),
        ({"size": "large"}, "size"),
        ({"size": 1, "name": "x" * 256}, "name"),
        ({"size": 1, "focus": "9,9"}, "focus"),
    ],
)
async def test_what_is_wrong_is_named(
    http: httpx2.AsyncClient, author: dict[str, str], body: dict[str, Any], field: str
) -> None:
    answer = await http.post(URL, headers=author, json=body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [f"#/{field}"])


async def test_uploading_in_parts_needs_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read", "write:statuses")
    for method, path in (("POST", URL), ("GET", f"{URL}/8"), ("POST", f"{URL}/8/complete"), ("DELETE", f"{URL}/8")):
        assert (await http.request(method, path, headers=headers)).status_code == 403
        assert (await http.request(method, path)).status_code == 401
