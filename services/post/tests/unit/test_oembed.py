"""What is read of a page's oEmbed, whatever was answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from post_service.card_models import MAX_TITLE_CHARS, CardEmbed, EmbedType
from post_service.service.oembed import OEmbed, read_oembed
from post_service.service.page_facts import read_page
from post_service.upload_models import Dimensions

URL = "https://video.example/oembed?url=x"
FRAME = (
    '<iframe width="560" height="315" src="https://video.example/embed/1" allow="autoplay" onload="alert(1)"></iframe>'
)
VIDEO: dict[str, Any] = {
    "version": "1.0",
    "type": "video",
    "title": "The kingfisher",
    "author_name": "Ada",
    "author_url": "/ada",
    "provider_name": "Video",
    "provider_url": "https://video.example/",
    "thumbnail_url": "https://video.example/1.jpg",
    "width": 560,
    "height": 315,
    "html": FRAME,
}


def read(**said: Any) -> OEmbed | None:
    return read_oembed(json.dumps({**VIDEO, **said}).encode(), URL)


def embed_of(**said: Any) -> CardEmbed | None:
    found = read(**said)
    assert found is not None
    return found.embed


def test_a_video_is_what_its_frame_shows_and_nothing_else_of_its_html() -> None:
    assert read() == OEmbed(
        title="The kingfisher",
        author_name="Ada",
        author_url="https://video.example/ada",
        provider_name="Video",
        provider_url="https://video.example/",
        image_url="https://video.example/1.jpg",
        embed=CardEmbed(EmbedType.VIDEO, "https://video.example/embed/1", Dimensions(560, 315)),
    )


def test_a_photo_is_its_own_picture() -> None:
    found = read(type="photo", url="https://pictures.example/1.jpg", thumbnail_url=None, width="1024", height="768")
    assert found is not None
    assert found.embed == CardEmbed(EmbedType.PHOTO, "https://pictures.example/1.jpg", Dimensions(1024, 768))
    assert found.image_url == "https://pictures.example/1.jpg"


@pytest.mark.parametrize(
    "html",
    [
        FRAME,
        f"<div class=a><p>Text</p>{FRAME}</div>",
        FRAME.upper(),
        FRAME.replace("</", '<iframe src="https://a.example/"></iframe></'),  # What is in a frame is text.
    ],
)
def test_anything_else_is_rich(html: str) -> None:
    found = embed_of(type="rich", html=html)
    assert found is not None
    assert (found.type, found.url.lower()) == (EmbedType.RICH, "https://video.example/embed/1")


@pytest.mark.parametrize(
    "html",
    [
        "",
        "Text",
        None,
        ["<iframe src='https://video.example/'>"],
        '<iframe src="http://video.example/embed/1"></iframe>',
        '<iframe src="javascript:alert(1)"></iframe>',
        '<iframe src="java\tscript:alert(1)"></iframe>',
        '<iframe src="data:text/html,<script>alert(1)</script>"></iframe>',
        '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
        "<iframe></iframe>",
        f"{FRAME}<script>alert(1)</script>",
        f"{FRAME}{FRAME}",
        '<blockquote>Text</blockquote><script async src="https://video.example/embed.js"></script>',
        '<object data="https://video.example/"></object>' + FRAME,
        '<iframe src="https://127.0.0.1/"></iframe>',
        '<iframe src="https://10.0.0.1/"></iframe>',
        '<iframe src="https://[::1]/"></iframe>',
        '<iframe src="https://[::ffff:10.0.0.1]/"></iframe>',
        '<iframe src="https://2130706433/"></iframe>',
        '<iframe src="https://0x7f.1/"></iframe>',
        '<iframe src="https://localhost/"></iframe>',
        '<iframe src="https://ada:secret@video.example/"></iframe>',
        '<iframe src="https://video.example/' + "x" * 3000 + '"></iframe>',
        '<iframe src="https://[broken/"></iframe>',
        "<iframe " * 5_000,
        "<div>" * 8_000 + "<iframe src='http://a.example/'>",
        "\x00",
    ],
)
def test_what_is_not_one_frame_by_https_is_a_link(html: object) -> None:
    assert embed_of(html=html) is None


@pytest.mark.parametrize(
    "url", ["http://pictures.example/1.jpg", "javascript:alert(1)", "", None, 7, "https://[::1]/a"]
)
def test_a_photo_that_is_nowhere_is_a_link(url: object) -> None:
    assert embed_of(type="photo", url=url) is None


@pytest.mark.parametrize("size", [None, -1, 0, True, 4_097, 1e9, "100%", "9" * 5_000, "\u0663", [], {"a": 1}])
def test_a_size_that_is_none_is_left_out(size: object) -> None:
    found = embed_of(width=size, height=size)
    assert found is not None
    assert found.size == Dimensions(0, 0)


@pytest.mark.parametrize(
    "said",
    [
        {"title": 7, "author_name": ["Ada"], "author_url": {"a": 1}, "provider_name": None, "thumbnail_url": True},
        {"title": "", "author_name": "https://ada.example", "author_url": "javascript:alert(1)", "thumbnail_url": "x:"},
    ],
)
def test_what_is_of_a_wrong_type_is_left_out(said: dict[str, Any]) -> None:
    found = read(**said)
    assert found is not None
    assert (found.title, found.author_name, found.author_url, found.image_url) == ("", "", "", "")


def test_texts_are_bounded_and_turn_nothing_around() -> None:
    found = read(title="a\u202eb\n" + "x" * 5_000)
    assert found is not None
    assert found.title.startswith("ab xxx")
    assert len(found.title) == MAX_TITLE_CHARS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"7",
        b"[]",
        b"{",
        b"<oembed><type>video</type></oembed>",
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"version":"1.0"}',
        b'{"version":"2.0","type":"link"}',
        b'{"version":"1.0","type":"page"}',
        b'{"version":"1.0","type":["link"]}',
        b'{"version":"1.0","type":{"a":"link"}}',
    ],
)
def test_what_is_no_oembed_says_nothing(answer: bytes) -> None:
    assert read_oembed(answer, URL) is None


@pytest.mark.parametrize(
    ("links", "found"),
    [
        (
            '<link rel="alternate" type="application/json+oembed" href="/oembed?a&amp;b">',
            "https://a.example/oembed?a&b",
        ),
        ('<link rel="alternate" type="text/xml+oembed" href="/oembed">', ""),
        ('<link rel="stylesheet" type="application/json+oembed" href="/oembed">', ""),
        ('<link rel="alternate" type="application/json+oembed" href="javascript:alert(1)">', ""),
        ('<link rel="alternate" type="application/json+oembed" href="file:///etc/passwd">', ""),
        ('<link rel="ALTERNATE nofollow" type=" Application/JSON+oEmbed " href="//b.example/">', "https://b.example/"),
        ('<link rel="alternate" type="application/json+oembed" href="/1">' * 2, "https://a.example/1"),
    ],
)
def test_a_page_tells_where_its_oembed_is(links: str, found: str) -> None:
    assert read_page(links.encode(), "https://a.example/page", "").oembed_url == found
