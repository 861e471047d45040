"""Link cards: what a page says of itself, shown with the status that links there."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest
from harness.people import Person
from harness.waiting import eventually
from PIL import Image

pytestmark = pytest.mark.local

SOON = 60.0
PAGE = b"""<html lang="en"><head><meta property="og:title" content="The kingfisher">
<meta property="og:image" content="/blue.png"></head><body>...</body></html>"""


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 450), "blue").save(buffer, "PNG")
    return buffer.getvalue()


def oembed(frame: str) -> bytes:
    """What the site's videos say of themselves."""
    said = {"version": "1.0", "type": "video", "title": "The kingfisher dives", "author_name": "Ada", "html": frame}
    return json.dumps({**said, "width": 560, "height": 315, "thumbnail_url": "/blue.png"}).encode()


def watched(name: str) -> bytes:
    return f'<title>Watch</title><link rel="alternate" type="application/json+oembed" href="/{name}.json">'.encode()


CONTENT = {
    "/kingfisher": ("text/html", PAGE),
    "/blue.png": ("image/png", picture()),
    "/video": ("text/html", watched("video")),
    "/video.json": ("application/json", oembed('<iframe src="https://video.example/embed/1" onload="x()"></iframe>')),
    "/script": ("text/html", watched("script")),
    "/script.json": ("application/json", oembed("<blockquote>Text</blockquote><script>x()</script>")),
    "/huge": ("text/html", watched("large")),
    "/large.json": ("application/json", oembed("x" * 1_000_000)),
    "/inside": (
        "text/html",
        b'<title>Inside</title><link rel="alternate" type="application/json+oembed" href="http://10.0.0.1/">',
    ),
}


class Birds(BaseHTTPRequestHandler):
    """Another site, on this machine."""

    def do_GET(self) -> None:
        content = CONTENT.get(self.path)
        self.send_response(200 if content else 404)
        kind, body = content or ("text/plain", b"")
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Birds) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_status_shows_what_the_page_behind_its_link_says(alice: Person, bob: Person, site: str) -> None:
    status = alice.api.status_post(f"Read about it: {site}/kingfisher and {site}/other")
    assert status["card"] is None
    card = eventually(
        lambda: bob.api.status(status["id"])["card"], lambda card: card is not None, within=SOON, what="the card"
    )
    assert (card["url"], card["title"], card["type"], card["language"]) == (
        f"{site}/kingfisher",
        "The kingfisher",
        "link",
        "en",
    )
    assert not card["image"].startswith(site)
    with urlopen(card["image"], timeout=SOON) as answer:  # noqa: S310 - the platform's own
        assert Image.open(io.BytesIO(answer.read())).size == (card["width"], card["height"]) == (640, 360)
    other = bob.api.status_post("Nothing to see: http://10.0.0.1/")
    edited = alice.api.status_update(status["id"], status=f"Now without: {site}/missing")
    eventually(
        lambda: bob.api.status(edited["id"])["card"], lambda card: card is None, within=SOON, what="the card gone"
    )
    assert bob.api.status(other["id"])["card"] is None


def test_a_video_is_shown_in_a_frame_of_its_own_and_what_can_not_be_is_a_link(alice: Person, site: str) -> None:
    names = ("video", "script", "huge", "inside")
    made = {name: alice.api.status_post(f"{site}/{name}")["id"] for name in names}

    def card(name: str) -> dict[str, Any]:
        found = eventually(
            lambda: alice.api.status(made[name])["card"], lambda card: card is not None, within=SOON, what=name
        )
        return dict(found)

    video = card("video")
    assert (video["type"], video["title"], video["author_name"]) == ("video", "The kingfisher dives", "Ada")
    assert (video["width"], video["height"]) == (560, 315)
    assert video["html"].startswith('<iframe src="https://video.example/embed/1" width="560" height="315"')
    assert " sandbox=" in video["html"]
    assert "onload" not in video["html"]
    script = card("script")
    assert (script["type"], script["html"], script["title"]) == ("link", "", "The kingfisher dives")
    assert [(card(name)["type"], card(name)["title"]) for name in ("huge", "inside")] == [
        ("link", "Watch"),
        ("link", "Inside"),
    ]
