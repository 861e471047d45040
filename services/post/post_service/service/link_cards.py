"""Cards of the pages that posts link to: looked at once for all posts, and copied into each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urldefrag, urlsplit

from post_service.card_models import LinkCard
from post_service.models import Post, PostState
from post_service.repository.cards import CardRepository
from post_service.repository.coalescing import Coalescing
from post_service.repository.posts import PostRepository
from post_service.service.fetch_card import CardFetcher
from post_service.service.read_posts import PostReader
from post_service.service.text import find_links
from post_service.versions import HybridClock
from rookery_common.clients.web import MAX_URL_CHARACTERS
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

AT_ONCE: Final = 8
log = get_logger()


class LinkCards:
    """Gives posts their cards. Of a card alone no event tells: it is there when the post is read next."""

    def __init__(
        self,
        posts: PostRepository,
        cards: CardRepository,
        fetcher: CardFetcher,
        reader: PostReader,
        versions: HybridClock,
        clock: Clock,
        local_domain: str,
        is_on: Callable[[], bool],
    ) -> None:
        """While not `is_on` no page is asked, and no post gets a card."""
        self._posts = posts
        self._cards = cards
        self._fetcher = fetcher
        self._reader = reader
        self._versions = versions
        self._clock = clock
        self._local_domain = local_domain
        self._is_on = is_on
        self._look_once = Coalescing(self._look)

    async def settle(self, post_ids: Iterable[int]) -> None:
        """Afterwards each post has the card that belongs to what it says now. Raises Unavailable."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def settle_one(post_id: int) -> None:
            async with slots:
                await self._settle(post_id)

        await asyncio.gather(*map(settle_one, post_ids))

    async def _settle(self, post_id: int) -> None:
        post = await self._posts.get(post_id)
        if post is None or post.state is not PostState.VISIBLE:
            return
        link = self._link_of(post)
        if post.card is not None and post.card.link == link:
            await self._reader.refresh(post_id)  # A crash may have come between the row and the cache.
            return
        card = await self._look_once(link) if link and self._is_on() else None
        if card != post.card:
            await self._attach(post, card)

    async def _attach(self, before: Post, card: LinkCard | None) -> None:
        post = replace(before, card=card, version=self._versions.next(before.version))
        today = self._clock.now().date()
        await self._cards.attach(before, post, today)
        stored = await self._posts.get(post.post_id)
        if stored is not None and stored.state is PostState.DELETED:
            # Deleted meanwhile: nothing of the page may stay.
            gone = replace(stored, version=self._versions.next(max(post.version, stored.version)))
            await self._cards.attach(post, gone, today)
        log.info("post.card_attached", post_id=post.post_id, has_card=card is not None)
        await self._reader.refresh(post.post_id)

    async def _look(self, link: str) -> LinkCard | None:
        found = await self._cards.find(link)
        if found is not None:
            return found.card
        card = await self._fetcher.fetch(link)
        await self._cards.keep(link, card)
        return card

    def _link_of(self, post: Post) -> str:
        """The first link that leads elsewhere; empty where the post shows no card."""
        if post.media or post.quote or post.reblog_of_id:
            return ""
        links = (urldefrag(link).url for link in find_links(post.text) if len(link) <= MAX_URL_CHARACTERS)
        return next((link for link in links if self._is_elsewhere(link)), "")

    def _is_elsewhere(self, link: str) -> bool:
        try:
            return urlsplit(link).netloc.lower() not in ("", self._local_domain)
        except ValueError:
            return False
