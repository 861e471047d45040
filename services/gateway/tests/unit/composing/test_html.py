"""Text to HTML: nothing of a text is ever markup, and what is linked is what post found."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_service.compose.html import Renderer

RENDERER = Renderer("https://rookery.test", "rookery.test")
LINK = 'target="_blank" rel="nofollow noopener noreferrer" translate="no"'
BOB = (
    '<span class="h-card" translate="no"><a href="https://rookery.test/@bob" class="u-url mention">'
    "@<span>bob</span></a></span>"
)


class Reader(HTMLParser):
    """The text and the elements that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: set[str] = set()
        self.targets: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.targets += [value or "" for name, value in attrs if name == "href"]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("Hello", "<p>Hello</p>"),
        ("a < b & c > \"d\" 'e'", "<p>a &lt; b &amp; c &gt; &quot;d&quot; &#39;e&#39;</p>"),
        ("one\ntwo\r\nthree", "<p>one<br>two<br>three</p>"),
        ("one\n\n\ntwo\n", "<p>one</p><p>two</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
    ],
)
def test_text_is_escaped_and_broken_into_paragraphs(text: str, html: str) -> None:
    assert RENDERER.render(text) == html


def test_a_link_opens_elsewhere_and_shows_no_scheme() -> None:
    assert RENDERER.render("See https://www.example.org/a.") == (
        f'<p>See <a href="https://www.example.org/a" {LINK}><span class="invisible">https://www.</span>'
        '<span>example.org/a</span><span class="invisible"></span></a>.</p>'
    )


def test_a_long_link_is_shown_in_short() -> None:
    html = RENDERER.render("https://example.org/" + "x" * 60)
    assert '<span class="ellipsis">example.org/xxxxxxxxxxxxxxxxxx</span>' in html
    assert Reader(html).text == "https://example.org/" + "x" * 60


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("(https://example.org/a)", "https://example.org/a"),
        ("https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("https://example.org/a?b=1&c=2, and", "https://example.org/a?b=1&c=2"),
    ],
)
def test_a_link_ends_where_the_sentence_goes_on(text: str, link: str) -> None:
    assert Reader(RENDERER.render(text)).targets == [link]


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "https://", "ftp://example.org"])
def test_nothing_else_is_a_link(text: str) -> None:
    assert "href" not in RENDERER.render(text)


@pytest.mark.parametrize("text", ["@bob", "@Bob", "@bob@rookery.test", "@BOB@Rookery.Test"])
def test_a_mention_leads_to_the_account(text: str) -> None:
    assert RENDERER.render(text + "!", ["bob"]) == f"<p>{BOB}!</p>"


@pytest.mark.parametrize("text", ["@carol", "me@bob", "@bob@elsewhere.test", "https://example.org/@bob"])
def test_what_is_no_mention_of_a_known_account_stays_text(text: str) -> None:
    assert "h-card" not in RENDERER.render(text, ["bob"])


def test_a_tag_is_linked_as_it_was_written() -> None:
    link = '<a href="https://rookery.test/tags/rookery" class="mention hashtag" rel="tag">#<span>Rookery</span></a>'
    assert RENDERER.render("On #Rookery.", tags=["rookery"]) == f"<p>On {link}.</p>"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("#caf\u00e9", "caf\u00e9"),
        ("\uff03\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e"),
        ("#\u0939\u093f\u0902\u0926\u0940", "\u0939\u093f\u0902\u0926\u0940"),
    ],
)
def test_tags_of_all_scripts_are_linked(text: str, tag: str) -> None:
    assert 'rel="tag"' in RENDERER.render(text, tags=[tag])


@pytest.mark.parametrize("text", ["#other", "a#rookery", "&#rookery", "https://example.org/#rookery"])
def test_what_is_no_known_tag_stays_text(text: str) -> None:
    assert 'rel="tag"' not in RENDERER.render(text, tags=["rookery"])


_TEXTS = st.text(
    alphabet=st.sampled_from(list("ab @#/:.<>&\"'\n()_-\u00e9")) | st.characters(codec="utf-8"), max_size=80
)
_PIECES = st.lists(
    st.sampled_from(["https://a.b/", "@bob", "#tag", "<b>", "&lt;", "\n\n", " ", "javascript:", "@bob@rookery.test"])
    | _TEXTS,
    max_size=12,
)


@given(_PIECES)
def test_whatever_is_written_the_same_text_is_read(pieces: list[str]) -> None:
    text = "".join(pieces).replace("\r", "")
    reader = Reader(RENDERER.render(text, ["bob"], ["tag"]))
    assert reader.elements <= {"p", "br", "a", "span"}
    assert all(re.match(r"https?://", target) for target in reader.targets)
    written = text.replace("@rookery.test", "").replace("\uff03", "#").replace("\n", "")
    assert reader.text.replace("\uff03", "#").replace("@rookery.test", "") == written
