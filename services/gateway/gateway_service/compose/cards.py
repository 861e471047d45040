"""The PreviewCard entity: the page that a post links to, in its own words, with a copy of its picture."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from gateway_service.compose.times import time_text
from rookery.post.v1.link_card_pb2 import CardEmbed, CardEmbedType, LinkCard

_TYPES: Final = {
    CardEmbedType.CARD_EMBED_TYPE_PHOTO: "photo",
    CardEmbedType.CARD_EMBED_TYPE_VIDEO: "video",
    CardEmbedType.CARD_EMBED_TYPE_RICH: "rich",
}
# What players need; neither the page around the frame nor its address is theirs.
_SANDBOX: Final = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"


def card_entity(card: LinkCard) -> dict[str, Any]:
    """Nothing of a stranger's site runs within a status but in a frame of its own, which clients show when asked to."""
    kind = _TYPES.get(card.embed.type, "link")
    is_framed = kind in ("video", "rich")
    size = card.embed.size if card.embed.size.width else card.image_size
    author = {"name": card.author_name, "url": card.author_url, "account": None}
    return {
        "url": card.url,
        "title": card.title,
        "description": card.description,
        "type": kind,
        "authors": [author] if card.author_name else [],
        "author_name": card.author_name,
        "author_url": card.author_url,
        "provider_name": card.provider_name,
        "provider_url": card.provider_url,
        "html": _frame(card.embed) if is_framed else "",
        "width": size.width,
        "height": size.height,
        "image": card.image_url or None,
        "image_description": card.image_description,
        "embed_url": card.embed.url if kind == "photo" else "",
        "blurhash": card.blurhash or None,
        "published_at": time_text(card.publish_time) if card.HasField("publish_time") else None,
        "language": card.language or None,
    }


def _frame(embed: CardEmbed) -> str:
    """Made here of an address by https, which is all that was taken of the other site's HTML."""
    size = f' width="{embed.size.width}" height="{embed.size.height}"' if embed.size.width else ""
    return (
        f'<iframe src="{escape(embed.url)}"{size} frameborder="0" scrolling="no" allowfullscreen="true"'
        f' sandbox="{_SANDBOX}"></iframe>'
    )
