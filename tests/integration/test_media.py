"""Uploads that are not wanted after all, and those that play."""

from __future__ import annotations

import httpx2
import pytest
from harness.films import film
from harness.people import Person, jpeg
from mastodon.errors import MastodonAPIError


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
    uploaded = alice.api.media_post(film(), mime_type="video/mp4", description="It grows lighter")
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
    made = http.post(f"{address}/complete", headers=headers).json()
    assert (made["id"], made["type"], made["description"]) == (begun["id"], "video", "It grows lighter")
    status = alice.api.status_post("A film in parts", media_ids=[made["id"]])
    assert bob.api.status(status["id"])["media_attachments"][0]["meta"]["original"]["frame_rate"] == "25/1"
