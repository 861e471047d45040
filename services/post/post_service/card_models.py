"""What a post shows of the page that it links to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from post_service.upload_models import Dimensions

MAX_TITLE_CHARS = 300
MAX_CARD_TEXT_CHARS = 500
MAX_NAME_CHARS = 100
CARD_DAYS = 14
"""After so long a link that is posted again is looked at anew."""
NO_CARD_SECONDS = 3600
"""For so long a page of which nothing came is left alone."""


@dataclass(frozen=True, slots=True)
class CardPicture:
    """A copy of a page's picture; by its id the posts are known that show it."""

    picture_id: int
    key: str
    size: Dimensions
    blurhash: str
    description: str = ""


class EmbedType(IntEnum):
    """As oEmbed has them; the numbers are stored and are those of the contract."""

    PHOTO = 1
    VIDEO = 2
    RICH = 3


@dataclass(frozen=True, slots=True)
class CardEmbed:
    """What a page offers to be shown in its place, by https: a picture, else what a frame shows. The size is in pixels,
    0x0 where it is not said."""

    type: EmbedType
    url: str
    size: Dimensions


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A page in its own words, all of them bounded. `link` is the address as posts have it, `url` the page's own."""

    link: str
    url: str
    title: str
    description: str = ""
    author_name: str = ""
    provider_name: str = ""
    provider_url: str = ""
    language: str = ""
    published_at: datetime | None = None
    picture: CardPicture | None = None
    author_url: str = ""
    embed: CardEmbed | None = None
