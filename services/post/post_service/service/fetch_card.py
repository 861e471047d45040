"""Asks the page behind a link, and makes a card of what it says; its picture becomes a copy of our own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from email.message import Message
from typing import Final, Protocol
from urllib.parse import urlsplit

from post_service import metrics
from post_service.card_models import CardPicture, LinkCard
from post_service.errors import BrokenFile, FileTooLarge
from post_service.imaging.formats import sniff
from post_service.imaging.pool import ImageWorkers
from post_service.repository.cards import CardRepository
from post_service.service.media import KEY_BYTES
from post_service.service.media_files import CACHE_CONTROL
from post_service.service.oembed import MAX_OEMBED_BYTES, OEmbed, read_oembed
from post_service.service.page_facts import OEMBED_TYPE, PageFacts, read_page
from rookery_common.clients.s3 import S3
from rookery_common.clients.web import WebAnswer, WebError
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Pages of this length are in use, though only their beginning is looked at."""
MAX_PICTURE_BYTES: Final = 4 * 1024 * 1024
_PAGES: Final = ("text/html", "application/xhtml+xml")
_OEMBEDS: Final = ("application/json", OEMBED_TYPE)
log = get_logger()


class Pages(Protocol):
    """What asks strangers' servers: `rookery_common.clients.web`."""

    async def get(self, url: str, *, max_bytes: int, accept: str) -> WebAnswer: ...


class CardFetcher:
    """Makes cards. Whatever a page is, at worst nothing comes of it; only engines that are away raise."""

    def __init__(
        self, pages: Pages, workers: ImageWorkers, files: S3, cards: CardRepository, ids: IdSource, clock: Clock
    ) -> None:
        self._pages = pages
        self._workers = workers
        self._files = files
        self._cards = cards
        self._ids = ids
        self._clock = clock

    async def fetch(self, link: str) -> LinkCard | None:
        """The page's card; None where it can't be read, or has no title. Raises Unavailable, DeadlineExceeded."""
        facts = await self._facts(link)
        said = await self._oembed(facts) if facts and facts.oembed_url else None
        card = _card(link, facts, said) if facts else None
        if facts is None or card is None:
            metrics.CARDS.labels("none" if facts else "unreachable").inc()
            return None
        image_url = (said.image_url if said else "") or facts.image_url
        picture = await self._picture(image_url, facts.image_description) if image_url else None
        metrics.CARDS.labels("pictured" if picture else "plain").inc()
        return replace(card, picture=picture)

    async def _facts(self, link: str) -> PageFacts | None:
        found = await self._read(link, _PAGES, MAX_PAGE_BYTES)
        if found is None:
            return None
        answer, charset = found
        return await asyncio.to_thread(read_page, answer.body, answer.url, charset)

    async def _oembed(self, facts: PageFacts) -> OEmbed | None:
        """Of a page without it, or with a wrong one, the card is what it would be without."""
        found = await self._read(facts.oembed_url, _OEMBEDS, MAX_OEMBED_BYTES)
        return await asyncio.to_thread(read_oembed, found[0].body, found[0].url) if found else None

    async def _read(self, url: str, kinds: Sequence[str], max_bytes: int) -> tuple[WebAnswer, str] | None:
        """What is at the address, if it is of one of these kinds, and in which encoding it says to be."""
        try:
            answer = await self._pages.get(url, max_bytes=max_bytes, accept=", ".join(kinds))
        except WebError as error:
            log.info("post.link_not_read", why=str(error))
            return None
        said = Message()
        said["content-type"] = answer.headers.get("content-type", "")
        if answer.status != 200 or said.get_content_type() not in kinds:
            return None
        return answer, said.get_content_charset("")

    async def _picture(self, url: str, description: str) -> CardPicture | None:
        """As its preview is made of an upload: small, and encoded anew."""
        try:
            answer = await self._pages.get(url, max_bytes=MAX_PICTURE_BYTES, accept="image/*")
            kind = sniff(answer.body) if answer.status == 200 else None
            image = await self._workers.process(answer.body, kind) if kind else None
        except (WebError, BrokenFile, FileTooLarge) as error:
            log.info("post.card_without_picture", why=type(error).__name__)
            return None
        if image is None:
            return None
        key = f"media/{secrets.token_urlsafe(KEY_BYTES)}/card.{image.small_extension}"
        made = CardPicture(self._ids.mint(), key, image.small_size, image.blurhash, description)
        await self._cards.note_picture(made, self._clock.now().date())
        await self._files.put(key, image.small, image.small_content_type, CACHE_CONTROL)
        return made


def _card(link: str, facts: PageFacts, said: OEmbed | None) -> LinkCard | None:
    """What oEmbed says before what the page says; without the picture. None without a title."""
    title = (said.title if said else "") or facts.title
    if not title:
        return None
    site = urlsplit(facts.url)
    provider_name = (said.provider_name if said else "") or facts.site_name
    root = f"{site.scheme}://{site.netloc}/" if provider_name else ""
    return LinkCard(
        link=link,
        url=facts.url,
        title=title,
        description=facts.description,
        author_name=(said.author_name if said else "") or facts.author_name,
        provider_name=provider_name,
        provider_url=(said.provider_url if said else "") or root,
        language=facts.language,
        published_at=facts.published_at,
        author_url=said.author_url if said else "",
        embed=said.embed if said else None,
    )
