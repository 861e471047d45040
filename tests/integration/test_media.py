"""Uploads that are not wanted after all, and those that play."""

from __future__ import annotations

import time

import httpx2
import pytest
from harness.films import film
from harness.people import Person, jpeg
from mastodon.errors import MastodonAPIError

PATIENCE_SECONDS = 30


def test_an_upload_is_deleted_unless_a_status_has_it(http: httpx2.Client, alice: Person, bob: Person) -> None:
    def delete(who: Person, media_id: str) -> int:
        headers = {"authorization": f"Bearer {who.token}"}
        return http.delete(f"/api/v1/media/{media_id}", headers=headers).status_code

    unwanted, shown = [str(alice.api.media_post(jpeg(), mime_type="image/jpeg")["id"]) for _ in range(2)]
    alice.api.status_post("A picture", media_ids=[shown])
    assert delete(bob, unwanted) == 404
    assert delete(alice, shown) == 422
    assert delete(alice, unwanted) == 200
    assert delete(alice, unwanted) == 404
    with pytest.raises(MastodonAPIError):
        alice.api.status_post("Another picture", media_ids=[unwanted])


def test_a_video_is_posted_and_played_from_its_middle(alice: Person, bob: Person) -> None:
    uploaded = alice.api.media_post(film(), mime_type="video/mp4", description="It grows lighter", synchronous=True)
    assert uploaded["url"]
    status = alice.api.status_post("A film", media_ids=[uploaded["id"]])
    [shown] = bob.api.status(status["id"])["media_attachments"]
    assert (shown["type"], shown["description"], len(shown["blurhash"]) > 20) == ("video", "It grows lighter", True)
    assert (shown["meta"]["original"]["frame_rate"], shown["meta"]["original"]["width"]) == ("25/1", 320)
    assert shown["meta"]["original"]["duration"] == pytest.approx(2, abs=0.1)
    whole = httpx2.get(shown["url"])
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    size = len(whole.content)
    for asked, start, end in (("100-199", 100, 200), (f"{size // 2}-", size // 2, size), ("-50", size - 50, size)):
        part = httpx2.get(shown["url"], headers={"range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert httpx2.get(shown["preview_url"]).headers["content-type"] == "image/jpeg"


def processed(http: httpx2.Client, who: Person, media_id: str) -> httpx2.Response:
    """What is answered of a file once it is processed, or has turned out to be broken."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = http.get(f"/api/v1/media/{media_id}", headers={"authorization": f"Bearer {who.token}"})
        if answer.status_code != 206:
            return answer
        assert answer.json()["url"] is None
        assert time.monotonic() < end, "it is still being processed"
        time.sleep(0.05)


def test_a_video_is_answered_before_it_is_processed(http: httpx2.Client, alice: Person, bob: Person) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    file = ("file", ("film.mp4", film(), "video/mp4"))
    accepted = http.post("/api/v2/media", files=[file], headers=headers)
    assert (accepted.status_code, accepted.json()["type"], accepted.json()["url"]) == (202, "video", None)
    media_id = accepted.json()["id"]
    described = http.put(f"/api/v1/media/{media_id}", json={"description": "It grows lighter"}, headers=headers)
    assert described.status_code in (200, 206)
    done = processed(http, alice, media_id)
    assert (done.status_code, done.json()["description"]) == (200, "It grows lighter")
    assert httpx2.get(done.json()["url"]).headers["content-type"] == "video/mp4"
    status = alice.api.status_post("A film", media_ids=[media_id])
    assert bob.api.status(status["id"])["media_attachments"][0]["url"] == done.json()["url"]
    at_once = http.post("/api/v1/media", files=[file], headers=headers)
    assert (at_once.status_code, bool(at_once.json()["url"])) == (200, True)


def test_who_polls_is_told_what_is_wrong_with_a_file(http: httpx2.Client, alice: Person) -> None:
    headers = {"authorization": f"Bearer {alice.token}"}
    accepted = http.post("/api/v2/media", files=[("file", ("film.mp4", film()[:300], "video/mp4"))], headers=headers)
    assert accepted.status_code == 202
    answer = processed(http, alice, accepted.json()["id"])
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "Validation failed: file is broken: it can't be decoded",
    )
    with pytest.raises(MastodonAPIError, match="broken"):
        alice.api.status_post("A film", media_ids=[accepted.json()["id"]])


def test_a_video_is_put_in_parts_and_posted(http: httpx2.Client, alice: Person, bob: Person) -> None:
    base, data = "/api/rookery/v1/media/uploads", film()
    headers = {"authorization": f"Bearer {alice.token}"}
    asked = {"name": "film.mp4", "type": "video/mp4", "size": len(data), "description": "It grows lighter"}
    begun = http.post(base, headers=headers, json=asked).json()
    address = f"{base}/{begun['id']}"
    assert http.get(address, headers={"authorization": f"Bearer {bob.token}"}).status_code == 404
    assert http.post(f"{address}/complete", headers=headers).status_code == 422
    [part] = begun["parts"]
    assert httpx2.put(part["url"], content=data[:-1]).status_code == 403
    assert httpx2.put(part["url"], content=data).status_code == 200
    assert http.get(address, headers=headers).json()["parts"] == []
    assert http.post(f"{address}/complete", headers=headers).status_code == 202
    made = processed(http, alice, begun["id"]).json()
    assert (made["id"], made["type"], made["description"]) == (begun["id"], "video", "It grows lighter")
    status = alice.api.status_post("A film in parts", media_ids=[made["id"]])
    assert bob.api.status(status["id"])["media_attachments"][0]["meta"]["original"]["frame_rate"] == "25/1"
