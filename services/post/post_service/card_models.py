"""What a post shows of the page that it links to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
