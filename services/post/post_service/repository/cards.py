"""Link cards in CQL: what was found behind each link, and which posts show the copy of a page's picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import NamedTuple

from post_service.card_models import CARD_DAYS, NO_CARD_SECONDS, CardEmbed, CardPicture, EmbedType, LinkCard
from post_service.models import Dimensions, Post, UploadNote
from post_service.repository.media import note_values
from rookery_common.clients.cassandra import Args, Cql, Row
from rookery_common.clients.cql_values import TypeValue

_DAY_SECONDS = 24 * 3600


class Found(NamedTuple):
    """What is known of a link; no card where nothing came of it lately."""

    card: LinkCard | None


class CardRepository:
    """Reads and writes cards; a post's own copy stays as long as the post."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def find(self, link: str) -> Found | None:
        """None where the link is to be looked at."""
        rows = await self._cql.execute("card_get", (link,))
        return Found(card_from(rows[0].card)) if rows else None

    async def keep(self, link: str, card: LinkCard | None) -> None:
        """For posts that link there, too: for two weeks, or for an hour that there is nothing."""
        ttl = NO_CARD_SECONDS if card is None else CARD_DAYS * _DAY_SECONDS
        await self._cql.execute("card_put", (link, card_values(card), ttl))

    async def note_picture(self, picture: CardPicture, today: date) -> None:
        """Before the file is put: whatever happens next, a sweep finds it."""
        await self._cql.execute("upload_put", picture_note(picture, today))

    async def shown(self, picture_ids: Sequence[int]) -> set[int]:
        """Those of the pictures that posts show."""
        results = await self._cql.many("card_picture_shown", [(picture_id,) for picture_id in picture_ids])
        return {rows[0].picture_id for rows in results if rows}

    async def attach(self, before: Post, post: Post, today: date) -> None:
        """The post with another card, or none, than before; in one logged batch with what becomes of the pictures."""
        rows: list[tuple[str, Args]] = [
            ("post_set_card", (post.version, card_values(post.card), post.version, post.post_id)),
            *dropped_rows(before, post.version, today),
        ]
        if post.card and post.card.picture:
            rows.append(("card_picture_put", (post.card.picture.picture_id, post.post_id, post.version)))
        await self._cql.batch(rows)


def dropped_rows(post: Post, version: int, today: date) -> list[tuple[str, Args]]:
    """The post shows its card's picture no more, which is swept where no other does."""
    if post.card is None or post.card.picture is None:
        return []
    picture = post.card.picture
    return [
        ("card_picture_remove", (version, picture.picture_id, post.post_id)),
        ("upload_put", picture_note(picture, today)),
    ]


def picture_note(picture: CardPicture, today: date) -> Args:
    """Dated for when no further post can come to show the picture, since what was found behind its link has expired."""
    day = today + timedelta(days=CARD_DAYS)
    return note_values(UploadNote(day, picture.picture_id, picture.key, picture.key))


def card_values(card: LinkCard | None) -> TypeValue | None:
    """The card as a value of the type link_card."""
    if card is None:
        return None
    picture = card.picture
    page = (card.link, card.url, card.title, card.description, card.author_name)
    site = (card.provider_name, card.provider_url, card.language, card.published_at)
    shown: tuple[object, ...] = (None,) * 6
    if picture is not None:
        size = picture.size
        shown = (picture.picture_id, picture.key, size.width, size.height, picture.blurhash, picture.description)
    embed: tuple[object, ...] = ()
    if card.embed is not None:
        embed = (card.embed.type, card.embed.url, card.embed.size.width, card.embed.size.height)
    return TypeValue((*page, *site, *shown, card.author_url, *embed))


def card_from(row: Row | None) -> LinkCard | None:
    """The card that a value of the type link_card stands for."""
    if row is None:
        return None
    picture = None
    if row.picture_id:
        size = Dimensions(row.width, row.height)
        picture = CardPicture(row.picture_id, row.picture_key, size, row.blurhash, row.picture_description)
    return LinkCard(
        link=row.link,
        url=row.url,
        title=row.title,
        description=row.description,
        author_name=row.author_name,
        provider_name=row.provider_name,
        provider_url=row.provider_url,
        language=row.language,
        published_at=row.published_at and row.published_at.replace(tzinfo=UTC),
        picture=picture,
        author_url=row.author_url or "",
        embed=_embed(row),
    )


def _embed(row: Row) -> CardEmbed | None:
    if not row.embed_url:
        return None
    return CardEmbed(EmbedType(row.embed_type), row.embed_url, Dimensions(row.embed_width, row.embed_height))
