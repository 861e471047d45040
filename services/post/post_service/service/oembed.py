"""What a page's oEmbed says, of which no word is trusted: https://oembed.com, the JSON form alone."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from lxml import etree

from post_service.card_models import MAX_TITLE_CHARS, CardEmbed, EmbedType
from post_service.service.page_facts import a_name, one_line, web_address
from post_service.upload_models import Dimensions
from rookery_common.clients.web import is_public

MAX_OEMBED_BYTES: Final = 64 * 1024
MAX_PIXELS: Final = 4_096
VERSION: Final = "1.0"
_TYPES: Final = {"photo": EmbedType.PHOTO, "video": EmbedType.VIDEO, "rich": EmbedType.RICH}


@dataclass(frozen=True, slots=True)
class OEmbed:
    """Each bounded and in one line, empty where nothing is said of it; addresses are whole. `embed` is None for what is
    a link and no more, and for what is to be shown by anything but a picture or one frame, both by https."""

    title: str
    author_name: str
    author_url: str
    provider_name: str
    provider_url: str
    image_url: str
    embed: CardEmbed | None


def read_oembed(answer: bytes, url: str) -> OEmbed | None:
    """What was answered at `url`; None for what is no oEmbed."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or str(said.get("version")) != VERSION or said.get("type") not in (*_TYPES, "link"):
        return None
    embed = _embed(said, url)
    picture = embed.url if embed and embed.type is EmbedType.PHOTO else ""
    return OEmbed(
        title=one_line(_text(said, "title"), MAX_TITLE_CHARS),
        author_name=a_name(_text(said, "author_name")),
        author_url=web_address(url, _text(said, "author_url")),
        provider_name=a_name(_text(said, "provider_name")),
        provider_url=web_address(url, _text(said, "provider_url")),
        image_url=web_address(url, _text(said, "thumbnail_url")) or picture,
        embed=embed,
    )


def _embed(said: Mapping[str, Any], url: str) -> CardEmbed | None:
    kind = _TYPES.get(said["type"])
    if kind is None:
        return None
    shown = _text(said, "url") if kind is EmbedType.PHOTO else _frame(_text(said, "html"))
    shown = web_address(url, shown)
    size = Dimensions(_pixels(said.get("width")), _pixels(said.get("height")))
    return CardEmbed(kind, shown, size) if _may_be_shown(shown) else None


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _pixels(value: object) -> int:
    """Some say it as text, and some in per cent, of which nothing follows here."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PIXELS))
    return int(text) if is_number and int(text) <= MAX_PIXELS else 0


def _may_be_shown(url: str) -> bool:
    """Readers' browsers fetch it: by https, and not out of their own network, as far as the address itself tells."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.username is not None or parts.password is not None:
        return False
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        # A name, then; its last part is no number, which browsers would take for an address.
        last = host.rstrip(".").rpartition(".")
        return (bool(last[0]) and last[2].isalpha()) or last[2].startswith("xn--")


def _frame(html: str) -> str:
    """Where the one frame of this leads; empty where there is none, or several, or a script."""
    try:
        frames: _Frames = etree.fromstring(html, etree.HTMLParser(target=_Frames(), no_network=True))
    except (etree.LxmlError, ValueError):
        return ""
    return frames.sources[0] if len(frames.sources) == 1 and not frames.has_script else ""


class _Frames:
    """Gathers while HTML is read: of all that is written there only a frame's address goes any further."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.has_script = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "iframe":
            self.sources.append(attributes.get("src", "").strip())
        elif tag in ("script", "object", "embed", "frame", "frameset", "base"):
            self.has_script = True

    def close(self) -> _Frames:
        return self
