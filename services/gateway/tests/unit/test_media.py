"""Uploads go through in pieces, whatever stands where in the form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from gateway_service.uploads import CHUNK_BYTES
from rookery.post.v1 import media_pb2
from rookery_common.errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    from gateway_fakes.world import World

URL = "/api/v2/media"
BYTES = bytes(range(256)) * 600  # 150 KiB
FILE = ("file", ("a.jpg", BYTES, "image/jpeg"))


@pytest.mark.parametrize("url", [URL, "/api/v1/media", "/api/v2/media/"])
async def test_file_goes_through_in_chunks(http: httpx2.AsyncClient, world: World, url: str) -> None:
    _, headers = world.newcomer("alice")
    fields = [("description", (None, "A bird")), ("focus", (None, "-0.5,0.25"))]
    answer = await http.post(url, files=[*fields, FILE], headers=headers)
    assert answer.status_code == 200, answer.text
    [(header, chunks)] = world.post.uploads
    assert b"".join(chunks) == BYTES
    assert max(len(chunk) for chunk in chunks) <= CHUNK_BYTES
    assert (header.filename, header.content_type, header.description) == ("a.jpg", "image/jpeg", "A bird")
    assert (header.focus_x, header.focus_y) == (-0.5, 0.25)
    assert not world.post.made("UpdateMedia")
    assert answer.json()["description"] == "A bird"


async def test_fields_after_the_file_count_too(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    fields = [("description", (None, "A bird")), ("focus", (None, "0,1"))]
    answer = await http.post(URL, files=[FILE, *fields], headers=headers)
    assert answer.json()["description"] == "A bird"
    assert answer.json()["meta"]["focus"] == {"x": 0.0, "y": 1.0}
    assert world.post.uploads[0][0].description == ""


async def test_body_is_not_held_as_a_whole(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(10):
            sent += 1
            yield bytes(10_000)
        yield b"\r\n--b--\r\n"

    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = await http.post(URL, content=body(), headers={**headers, **kind})
    assert answer.status_code == 200
    assert sum(len(chunk) for chunk in world.post.uploads[0][1]) == 100_000


async def test_too_large_a_file_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, files=[("file", ("a", bytes(400_001), "image/png"))], headers=headers)
    assert answer.status_code == 413
    assert "file" in answer.json()["error"]
    assert not world.post.media


async def test_too_large_a_body_is_refused_before_it_is_read(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, files=[("file", ("a", bytes(800_000), "image/png"))], headers=headers)
    assert answer.status_code == 413
    assert list(answer.json()["details"]) == ["file"]
    assert not world.post.calls


@pytest.mark.parametrize("files", [[("description", (None, "x"))], [("picture", ("a.jpg", BYTES, "image/jpeg"))]])
async def test_form_without_a_file_is_refused(http: httpx2.AsyncClient, world: World, files: Any) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, files=files, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == ["file"]


async def test_upload_that_is_no_form_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(URL, content=BYTES, headers={**headers, "content-type": "image/jpeg"})
    assert answer.status_code == 415


@pytest.mark.parametrize("focus", ["x", "2,0", "nan,0", "1"])
@pytest.mark.parametrize("first", [True, False])
async def test_bad_focus_is_refused(http: httpx2.AsyncClient, world: World, focus: str, first: bool) -> None:
    _, headers = world.newcomer("alice")
    fields: list[Any] = [("focus", (None, focus))]
    files = [*fields, FILE] if first else [FILE, *fields]
    answer = await http.post(URL, files=files, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == ["focus"]


async def test_what_post_refuses_is_told(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")

    async def refuse(*_: Any, **__: Any) -> Any:
        raise InvalidArgument("x", fields=[FieldViolation("file", "ERR_INVALID", "is not an image")])

    world.post.upload = refuse  # type: ignore[method-assign]
    answer = await http.post(URL, files=[FILE], headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"] == "Validation failed: file is not an image"


async def test_media_is_described_afterwards(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    media_id = (await http.post(URL, files=[FILE], headers=headers)).json()["id"]
    url = f"/api/v1/media/{media_id}"
    answer = await http.put(url, json={"description": "A bird", "focus": "1,1"}, headers=headers)
    assert answer.json()["description"] == "A bird"
    again = await http.put(url, data={"description": "Two birds"}, headers=headers)
    assert again.json()["meta"]["focus"] == {"x": 1.0, "y": 1.0}
    assert (await http.get(url, headers=headers)).json()["description"] == "Two birds"


async def test_a_file_that_is_processed_later_has_no_address_yet(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    film = ("file", ("a.mp4", BYTES, "video/mp4"))
    answer = await http.post(URL, files=[film, ("description", (None, "A bird"))], headers=headers)
    assert (answer.status_code, answer.json()["url"], answer.json()["preview_url"]) == (202, None, None)
    assert answer.json()["description"] == "A bird"
    media_id = answer.json()["id"]
    url = f"/api/v1/media/{media_id}"
    assert (await http.get(url, headers=headers)).status_code == 206
    described = await http.put(url, json={"description": "Two birds"}, headers=headers)
    assert (described.status_code, described.json()["description"]) == (206, "Two birds")
    media = world.post.media[int(media_id)]
    media.state, media.url = media_pb2.MEDIA_STATE_UNSPECIFIED, "https://media.example/a.mp4"
    done = await http.get(url, headers=headers)
    assert (done.status_code, done.json()["url"]) == (200, "https://media.example/a.mp4")


async def test_older_clients_wait_for_all_of_it(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post("/api/v1/media", files=[("file", ("a.mp4", BYTES, "video/mp4"))], headers=headers)
    assert (answer.status_code, bool(answer.json()["url"])) == (200, True)
    assert not world.post.uploads[0][0].accepts_pending


async def test_unknown_media_is_not_found(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    assert (await http.get("/api/v1/media/5", headers=headers)).json() == {
        "error": "Record not found",
        "error_description": "There is no such media",
    }


async def test_uploading_needs_the_scope(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice", "read", "write:statuses")
    assert (await http.post(URL, files=[FILE], headers=headers)).status_code == 403
    assert (await http.post(URL, files=[FILE])).status_code == 401


async def test_a_file_is_deleted(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    media_id = (await http.post(URL, files=[FILE], headers=headers)).json()["id"]
    address = f"/api/v1/media/{media_id}"
    assert (await http.delete(address)).status_code == 401
    answer = await http.delete(address, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})
    assert (await http.delete(address, headers=headers)).status_code == 404


async def test_what_plays_says_how_it_is_made(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    media_id = (await http.post(URL, files=[FILE], headers=headers)).json()["id"]
    held = world.post.media[int(media_id)]
    held.type = media_pb2.MEDIA_TYPE_VIDEO
    held.original.width, held.original.height = 640, 360
    held.playback.duration_milliseconds, held.playback.bits_per_second = 65_040, 120_000
    held.playback.frame_rate = "30000/1001"
    held.playback.sound.codec, held.playback.sound.sample_rate, held.playback.sound.channels = "aac", 48_000, 2
    shown = (await http.get(f"/api/v1/media/{media_id}", headers=headers)).json()
    assert shown["type"] == "video"
    meta = shown["meta"]
    original = {"width": 640, "height": 360, "frame_rate": "30000/1001", "duration": 65.04, "bitrate": 120_000}
    assert meta["original"] == original
    assert (meta["length"], meta["duration"], meta["fps"], meta["size"]) == ("0:01:05.04", 65.04, 29.97, "640x360")
    sound = [meta[f"audio_{name}"] for name in ("encode", "bitrate", "channels")]
    assert sound == ["aac", "48000 Hz", "stereo"]


async def test_audio_has_neither_picture_nor_size(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    media_id = (await http.post(URL, files=[FILE], headers=headers)).json()["id"]
    held = world.post.media[int(media_id)]
    held.type = media_pb2.MEDIA_TYPE_AUDIO
    for name in ("preview_url", "original", "small", "blurhash"):
        held.ClearField(name)
    held.playback.duration_milliseconds, held.playback.bits_per_second = 2_000, 64_000
    shown = (await http.get(f"/api/v1/media/{media_id}", headers=headers)).json()
    assert (shown["type"], shown["preview_url"], shown["blurhash"]) == ("audio", None, None)
    assert shown["meta"]["original"] == {"duration": 2.0, "bitrate": 64_000}
    assert "small" not in shown["meta"]
