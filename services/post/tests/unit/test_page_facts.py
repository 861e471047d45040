"""What is read off a page, whatever the page is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from post_service.card_models import MAX_TITLE_CHARS
from post_service.service.page_facts import PARSED_BYTES, PageFacts, read_page

URL = "https://birds.example/a/page"
NOTHING = PageFacts(URL, "", "", "", "", "", "", "", None)


def read(page: str | bytes, charset: str = "") -> PageFacts:
    return read_page(page.encode() if isinstance(page, str) else page, URL, charset)


def test_open_graph_is_heard_before_twitter_and_html() -> None:
    page = """<html lang=de><head><title>Third</title><meta name="twitter:title" content="Second">
    <meta property="og:title" content="First"><meta property="og:title" content="Again">
    <meta name=description content=D><meta property="article:published_time" content="2026-03-01T12:00:00+02:00">
    <meta name="twitter:image" content="//cdn.example/a.png"><meta property="og:image" content=" ">"""
    facts = read(page)
    assert (facts.title, facts.description, facts.language) == ("First", "D", "de")
    assert facts.image_url == "https://cdn.example/a.png"
    assert facts.published_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("page", ["", " ", "\x00", "no page", "<", "<!-- <title>x</title>", "\ufeff", "{}", "<html"])
def test_of_what_is_no_page_nothing_is_said(page: str) -> None:
    assert read(page) == NOTHING


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("/b", "https://birds.example/b"),
        ("https://bank.example/", URL),
        ("javascript:alert(1)", URL),
        ("https://birds.example/" + "x" * 3000, URL),
        ("http://[", URL),
    ],
)
def test_a_page_is_nowhere_but_on_its_own_host(said: str, url: str) -> None:
    assert read(f'<title>x</title><link rel="canonical" href="{said}">').url == url


@pytest.mark.parametrize(
    "image", ["javascript:x", "data:image/png;base64,AA", "ftp://birds.example/a", "http://[", "a\nb"]
)
def test_a_picture_is_at_a_web_address_or_nowhere(image: str) -> None:
    assert read(f'<meta property="og:image" content="{image}">').image_url in ("", "https://birds.example/a/ab")


def test_texts_are_bounded_on_one_line_and_turn_nothing_around() -> None:
    facts = read(
        f"<title>a\n\tb \u202ec\u2066d\u0007e{'x' * 10_000}</title><meta name=author content='http://a.example'>"
    )
    assert facts.title.startswith("a b cdexxx")
    assert (len(facts.title), facts.title[-1]) == (MAX_TITLE_CHARS, "\N{HORIZONTAL ELLIPSIS}")
    assert facts.author_name == ""


@pytest.mark.parametrize(
    ("page", "charset"),
    [
        ("<title>\u00fc\u30ab</title>".encode(), ""),
        ("<title>\u00fc\u30ab</title>".encode("utf-16"), "utf-16"),
        (b"<meta charset=shift_jis><title>\x81\x5b\x83\x4a</title>", ""),
        ("<title>\u00fc</title>".encode("latin-1"), "iso-8859-1"),
        ("<title>\u00fc</title>".encode(), "nonsense-8"),
        ("<title>\u00fc</title>".encode("cp1252"), "cp1252"),
        ("<title>\u00fc</title>".encode(), "base64"),
        (b"<title>" + b"x" * (PARSED_BYTES - 9) + "\u00fc".encode() * 9, ""),
    ],
)
def test_a_page_is_read_in_its_encoding(page: bytes, charset: str) -> None:
    title = read(page, charset).title
    assert title
    assert "\ufffd" not in title
    assert "\u00c3" not in title


@pytest.mark.parametrize(
    "deep", ["<div>" * 100_000, "<" * 500_000, "<title>" * 70_000, "<meta name=a content=b>" * 30_000]
)
def test_disorder_costs_no_more_than_order(deep: str) -> None:
    assert read("<title>T</title>" + deep).title.startswith("T")


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01", "9999-12-31T23:59:59-23:59", "2026-13-01"])
def test_a_time_that_is_none_is_left_out(moment: str) -> None:
    assert read(f'<title>T</title><meta property="article:published_time" content="{moment}">').published_at is None
