"""Which pages say that they are the same person's."""

from __future__ import annotations

import time

import pytest

from user_service.profiles.links import links_to_me

OWN = "https://rookery.example/@alice"


@pytest.mark.parametrize(
    "page",
    [
        f'<a rel="me" href="{OWN}">me</a>',
        f'<link rel=me href="{OWN}">',
        f'<a href={OWN}/ rel="noopener ME nofollow">',
        '<a rel=me href="HTTPS://Rookery.Example/@Alice">',
        f'<p><a rel=me href="https://elsewhere.example">…</a><b><a rel="me" href=" {OWN} ">',
        f"<html><head><title>x</title><link href='{OWN}' rel='alternate me'></head>",
    ],
)
def test_a_page_that_links_back(page: str) -> None:
    assert links_to_me(page.encode(), OWN)


@pytest.mark.parametrize(
    "page",
    [
        "",
        " ",
        "no markup",
        f'<a href="{OWN}">',
        f'<a rel="menu" href="{OWN}">',
        f'<a rel="me" href="{OWN}x">',
        f'<a rel="me" href="{OWN}/123">',
        '<a rel="me" href="http://rookery.example/@alice">',
        '<a rel="me" href="https://rookery.example.evil/@alice">',
        '<a rel="me" href="//[">',
        '<a rel="me">',
        f'<!-- <a rel="me" href="{OWN}"> -->',
        f'<script>"<a rel=me href={OWN}>"</script>',
        f'<form rel="me" href="{OWN}">',
    ],
)
def test_a_page_that_does_not(page: str) -> None:
    assert not links_to_me(page.encode(), OWN)


@pytest.mark.parametrize(
    "part", ["<div>", "<a ", "<![CDATA[", "<!--", "<", "<table><tr>", "<b><p>", "&", "\x00", "<a x="]
)
def test_a_page_made_to_be_slow_is_not(part: str) -> None:
    """Half a megabyte, of which a parser that builds a tree, or looks back, is busy with for minutes."""
    page = (part * 524_288)[:524_288].encode()
    began = time.process_time()
    assert not links_to_me(page, OWN)
    assert time.process_time() - began < 5
