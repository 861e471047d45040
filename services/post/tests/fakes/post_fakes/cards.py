"""Link cards in memory, and the pages of other sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from post_fakes.store import Store
from post_service.card_models import CardPicture, LinkCard
from post_service.models import Post, PostState
from post_service.repository.cards import CardRepository, Found
from rookery_common.clients.web import WebAnswer, WebError, WebFailed

# A page of another site, and what its oEmbed says.
WATCHED, OEMBED = "https://video.example/1", "https://video.example/oembed?url=1"
WATCH = f"""<title>Watch</title><meta name="description" content="Three minutes">
<link rel="alternate" type="text/xml+oembed" href="/wrong">
<link rel="alternate" type="application/json+oembed" href="{OEMBED}">"""
VIDEO = {
    "version": "1.0",
    "type": "video",
    "title": "The kingfisher dives",
    "author_name": "Ada",
    "author_url": "/ada",
    "provider_name": "Video",
    "provider_url": "https://video.example/",
    "thumbnail_url": f"{WATCHED}.png",
    "width": 560,
    "height": 315,
    "html": '<iframe src="https://video.example/embed/1"></iframe>',
}


class MemoryCards(CardRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, link: str) -> Found | None:
        self._store.require("cql")
        return self._store.cards.get(link)

    async def keep(self, link: str, card: LinkCard | None) -> None:
        self._store.cards[link] = Found(card)

    async def note_picture(self, picture: CardPicture, today: date) -> None:
        self._store.note_picture(picture, today)

    async def shown(self, picture_ids: Sequence[int]) -> set[int]:
        return {shown for shown, _ in self._store.card_pictures} & set(picture_ids)

    async def attach(self, before: Post, post: Post, today: date) -> None:
        self._store.require("cql")
        held = self._store.posts[post.post_id]
        card = None if held.state is PostState.DELETED else post.card
        self._store.drop_card(before, today)
        self._store.put(replace(held, card=card, version=post.version))
        if post.card and post.card.picture:
            self._store.card_pictures.add((post.card.picture.picture_id, post.post_id))


class OtherSites:
    """Pages and pictures by address; what is not among them is away."""

    def __init__(self) -> None:
        self.answers: dict[str, WebAnswer | WebError] = {}
        self.visits: list[str] = []

    def put(
        self, url: str, body: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.answers[url] = WebAnswer(status, {"content-type": content_type}, data, url)

    async def get(self, url: str, *, max_bytes: int, accept: str) -> WebAnswer:
        self.visits.append(url)
        answer = self.answers.get(url, WebFailed("away"))
        if isinstance(answer, WebError):
            raise answer
        return answer
