"""What a page says of itself: Open Graph first, then what Twitter made of it, then HTML's own words."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from lxml import etree

from post_service.card_models import MAX_CARD_TEXT_CHARS, MAX_NAME_CHARS, MAX_TITLE_CHARS
from rookery_common.clients.web import MAX_URL_CHARACTERS

OEMBED_TYPE: Final = "application/json+oembed"
PARSED_BYTES: Final = 512 * 1024
"""All that cards are made of is at the top of a page."""
_TITLE: Final = ("og:title", "twitter:title")
_DESCRIPTION: Final = ("og:description", "twitter:description", "description")
_IMAGE: Final = ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
_IMAGE_TEXT: Final = ("og:image:alt", "twitter:image:alt")
_AUTHOR: Final = ("og:author", "author", "article:author")
_SITE: Final = ("og:site_name", "application-name")
_TIME: Final = ("article:published_time", "og:article:published_time", "date")
_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{2}))?", re.IGNORECASE)
_READ: Final = frozenset(
    (*_TITLE, *_DESCRIPTION, *_IMAGE, *_IMAGE_TEXT, *_AUTHOR, *_SITE, *_TIME, "og:url", "og:locale")
)
# They turn what is written after them around: a title must not reach beyond itself.
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Each in one line and bounded, empty where the page says nothing of it; addresses are whole."""

    url: str
    title: str
    description: str
    image_url: str
    image_description: str
    author_name: str
    site_name: str
    language: str
    published_at: datetime | None
    oembed_url: str = ""


def read_page(page: bytes, url: str, charset: str) -> PageFacts:
    """The facts of a page that was found at `url`; of anything else that came, empty ones."""
    page = page[:PARSED_BYTES]
    try:
        head: _Head = etree.fromstring(page, _parser(page, charset))
    except etree.LxmlError:
        head = _Head()  # there is nothing on it
    return PageFacts(
        url=_own_address(url, head.canonical or head.first("og:url")),
        title=one_line(head.first(*_TITLE) or "".join(head.title), MAX_TITLE_CHARS),
        description=one_line(head.first(*_DESCRIPTION), MAX_CARD_TEXT_CHARS),
        image_url=web_address(url, head.first(*_IMAGE)),
        image_description=one_line(head.first(*_IMAGE_TEXT), MAX_CARD_TEXT_CHARS),
        author_name=a_name(head.first(*_AUTHOR)),
        site_name=a_name(head.first(*_SITE)),
        language=_language(head.language or head.first("og:locale")),
        published_at=_time(head.first(*_TIME)),
        oembed_url=web_address(url, head.oembed),
    )


class _Head:
    """Gathers while the page is read: no tree is built of it, which depth or disorder could make costly."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._in_title = False
        self.title: list[str] = []
        self.canonical = ""
        self.oembed = ""
        self.language = ""

    def first(self, *names: str) -> str:
        """What is said under the first of these names that says anything."""
        return next((self._said[name] for name in names if self._said.get(name)), "")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "meta":
            name = (attributes.get("property") or attributes.get("name") or "").strip().lower()
            if name in _READ:
                self._said.setdefault(name, attributes.get("content", "").strip())
        elif tag == "link":
            self._link(attributes.get("rel", "").lower().split(), attributes)
        elif tag == "html":
            self.language = attributes.get("lang", "")
        self._in_title = tag == "title" and not self.title

    def _link(self, relations: Sequence[str], attributes: Mapping[str, str]) -> None:
        if "canonical" in relations:
            self.canonical = self.canonical or attributes.get("href", "")
        elif "alternate" in relations and attributes.get("type", "").strip().lower() == OEMBED_TYPE:
            self.oembed = self.oembed or attributes.get("href", "")

    def end(self, tag: str) -> None:
        self._in_title = False

    def data(self, text: str) -> None:
        if self._in_title:
            self.title.append(text)

    def close(self) -> _Head:
        return self


def _parser(page: bytes, charset: str) -> etree.HTMLParser:
    """Reads as the server says, if that is known; then as UTF-8 where it can be nothing else; or as the page says."""
    own = "utf-8" if _is_utf8(page) else None
    try:
        return etree.HTMLParser(target=_Head(), no_network=True, encoding=charset or own)
    except LookupError:
        return etree.HTMLParser(target=_Head(), no_network=True, encoding=own)


def _is_utf8(page: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(page)  # what is cut off at its end is no mistake
    except UnicodeDecodeError:
        return False
    return True


def one_line(text: str, limit: int) -> str:
    """On one line, without what can't be seen or turns text around, and cut where it is too long."""
    seen = "".join(char for char in text[: limit * 8] if char not in _TURNING and not _is_control(char))
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _is_control(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) in ("Cc", "Cs")


def a_name(text: str) -> str:
    """Some name their author by an address, which is no name."""
    return "" if "://" in text else one_line(text, MAX_NAME_CHARS)


def web_address(base: str, reference: str) -> str:
    """A web address, whole; empty where this is none."""
    if not reference or len(reference) > MAX_URL_CHARACTERS:
        return ""
    try:
        url = urljoin(base, reference.strip())
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return url if is_web and len(url) <= MAX_URL_CHARACTERS and url.isprintable() else ""


def _own_address(found_at: str, said: str) -> str:
    """Where the page says that it is, if that is on the host which answered: no other host can be claimed."""
    url = web_address(found_at, said)
    return url if url and urlsplit(url).netloc.lower() == urlsplit(found_at).netloc.lower() else found_at


def _language(tag: str) -> str:
    match = _LANGUAGE.match(tag.strip())
    if match is None:
        return ""
    base, region = match.groups()
    return f"{base.lower()}-{region.upper()}" if region else base.lower()


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=0) if moment.year >= 1970 else None
