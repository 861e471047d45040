"""Link cards: what a page says of itself, shown with the status that links there."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Birds(BaseHTTPRequestHandler):
    """Another site, on this machine."""

    def do_GET(self) -> None:
        content = {"/kingfisher": ("text/html", PAGE), "/blue.png": ("image/png", picture())}.get(self.path)
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
