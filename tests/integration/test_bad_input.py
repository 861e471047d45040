"""Bad input gets a clear 4xx that names what is wrong, before anything is written."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from harness.people import Person, jpeg


@pytest.fixture
def headers(alice: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {alice.token}"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"status": ""}, "status"),
        ({"status": "x" * 10_000}, "status"),
        ({"status": 7}, "status"),
        ({"status": ["a", "b"]}, "status"),
        ({"status": "a\u0000b"}, "status"),
        ({"status": "fine", "visibility": "secret"}, "visibility"),
        ({"status": "fine", "visibility": 3}, "visibility"),
        ({"status": "fine", "sensitive": "perhaps"}, "sensitive"),
        ({"status": "fine", "language": "klingonese!"}, "language"),
        ({"status": "fine", "media_ids": ["12345"]}, "media"),
        ({"status": "fine", "media_ids": "abc"}, "media_ids"),
        ({"status": "fine", "in_reply_to_id": "x"}, "in_reply_to_id"),
    ],
)
def test_bad_post_is_refused_by_name(
    http: httpx2.Client, headers: dict[str, str], alice: Person, body: dict[str, Any], named: str
) -> None:
    answer = http.post("/api/v1/statuses", json=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert named in answer.text.lower()
    assert alice.home_ids() == []


def test_bad_utf8_is_refused(http: httpx2.Client, headers: dict[str, str]) -> None:
    kinds = {"application/json": b'{"status": "\xff\xfe"}', "application/x-www-form-urlencoded": b"status=%ff%fe"}
    for kind, content in kinds.items():
        answer = http.post("/api/v1/statuses", content=content, headers={**headers, "content-type": kind})
        assert 400 <= answer.status_code < 500, answer.text
        assert "utf-8" in answer.text.lower()


def test_unknown_field_is_ignored_on_mastodons_routes(http: httpx2.Client, headers: dict[str, str]) -> None:
    answer = http.post("/api/v1/statuses", json={"status": "fine", "mood": "good"}, headers=headers)
    assert answer.status_code == 200, answer.text


def test_reply_to_nothing_is_not_found(http: httpx2.Client, headers: dict[str, str]) -> None:
    answer = http.post("/api/v1/statuses", json={"status": "fine", "in_reply_to_id": "1"}, headers=headers)
    assert answer.status_code in (404, 422), answer.text


@pytest.mark.parametrize("token", ["nonsense", "x" * 5000, "Bearer", "\u00ff"])
def test_bad_token_is_unauthorized(http: httpx2.Client, token: str) -> None:
    answer = http.get("/api/v1/timelines/home", headers={b"authorization": f"Bearer {token}".encode("latin-1")})
    assert answer.status_code == 401, answer.text
    assert "error" in answer.json()
    assert "www-authenticate" in answer.headers


def test_revoked_token_is_unauthorized_at_once(http: httpx2.Client, headers: dict[str, str], alice: Person) -> None:
    assert http.get("/api/v1/timelines/home", headers=headers).status_code == 200
    alice.api.revoke_access_token(allow_http=True)
    assert http.get("/api/v1/timelines/home", headers=headers).status_code == 401


def test_someone_elses_media_is_not_found(alice: Person, bob: Person, http: httpx2.Client) -> None:
    media = bob.api.media_post(jpeg(), mime_type="image/jpeg")
    body = {"status": "Mine now", "media_ids": [str(media["id"])]}
    answer = http.post("/api/v1/statuses", json=body, headers={"authorization": f"Bearer {alice.token}"})
    assert answer.status_code in (404, 422), answer.text
    assert "media" in answer.text.lower()
    assert alice.home_ids() == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<html><script>alert(1)</script></html>", "page.jpg"),
        (jpeg()[:400], "cut.jpg"),
        (b"", "empty.jpg"),
        (b"\xff\xd8\xff\xe0" + bytes(2000), "zeros.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.jpg"),
    ],
)
def test_file_that_is_no_jpeg_is_refused(
    http: httpx2.Client, headers: dict[str, str], content: bytes, name: str
) -> None:
    answer = http.post("/api/v2/media", files={"file": (name, content, "image/jpeg")}, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert "file" in answer.text.lower()


def test_unknown_route_is_404_with_the_error_body(http: httpx2.Client, headers: dict[str, str]) -> None:
    for path in ("/api/v1/nothing", "/api/v2/nothing", "/api/v1/timelines/nothing"):
        answer = http.get(path, headers=headers)
        assert answer.status_code == 404
        assert isinstance(answer.json()["error"], str)
