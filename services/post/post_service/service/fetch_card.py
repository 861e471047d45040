"""Asks the page behind a link, and makes a card of what it says; its picture becomes a copy of our own."""

from __future__ import annotations

import asyncio
import secrets
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
from post_service.service.page_facts import PageFacts, read_page
from rookery_common.clients.s3 import S3
from rookery_common.clients.web import WebAnswer, WebError
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Pages of this length are in use, though only their beginning is looked at."""
MAX_PICTURE_BYTES: Final = 4 * 1024 * 1024
_PAGES: Final = ("text/html", "application/xhtml+xml")
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
        if facts is None or not facts.title:
            metrics.CARDS.labels("none" if facts else "unreachable").inc()
            return None
        picture = await self._picture(facts) if facts.image_url else None
        metrics.CARDS.labels("pictured" if picture else "plain").inc()
        site = urlsplit(facts.url)
        return LinkCard(
            link=link,
            url=facts.url,
            title=facts.title,
            description=facts.description,
            author_name=facts.author_name,
            provider_name=facts.site_name,
            provider_url=f"{site.scheme}://{site.netloc}/" if facts.site_name else "",
            language=facts.language,
            published_at=facts.published_at,
            picture=picture,
        )

    async def _facts(self, link: str) -> PageFacts | None:
        try:
            answer = await self._pages.get(link, max_bytes=MAX_PAGE_BYTES, accept=", ".join(_PAGES))
        except WebError as error:
            log.info("post.link_not_read", why=str(error))
            return None
        said = Message()
        said["content-type"] = answer.headers.get("content-type", "")
        if answer.status != 200 or said.get_content_type() not in _PAGES:
            return None
        return await asyncio.to_thread(read_page, answer.body, answer.url, said.get_content_charset(""))

    async def _picture(self, facts: PageFacts) -> CardPicture | None:
        """As its preview is made of an upload: small, and encoded anew."""
        try:
            answer = await self._pages.get(facts.image_url, max_bytes=MAX_PICTURE_BYTES, accept="image/*")
            kind = sniff(answer.body) if answer.status == 200 else None
            image = await self._workers.process(answer.body, kind) if kind else None
        except (WebError, BrokenFile, FileTooLarge) as error:
            log.info("post.card_without_picture", why=type(error).__name__)
            return None
        if image is None:
            return None
        key = f"media/{secrets.token_urlsafe(KEY_BYTES)}/card.{image.small_extension}"
        made = CardPicture(self._ids.mint(), key, image.small_size, image.blurhash, facts.image_description)
        await self._cards.note_picture(made, self._clock.now().date())
        await self._files.put(key, image.small, image.small_content_type, CACHE_CONTROL)
        return made
