"""The PreviewCard entity: the page that a post links to, in its own words, with a copy of its picture."""

from __future__ import annotations

from typing import Any

from gateway_service.compose.times import time_text
from rookery.post.v1.link_card_pb2 import LinkCard


def card_entity(card: LinkCard) -> dict[str, Any]:
    """Always of type `link`: nothing of a stranger's site runs within a status."""
    size = card.image_size
    return {
        "url": card.url,
        "title": card.title,
        "description": card.description,
        "type": "link",
        "authors": [{"name": card.author_name, "url": "", "account": None}] if card.author_name else [],
        "author_name": card.author_name,
        "author_url": "",
        "provider_name": card.provider_name,
        "provider_url": card.provider_url,
        "html": "",
        "width": size.width,
        "height": size.height,
        "image": card.image_url or None,
        "image_description": card.image_description,
        "embed_url": "",
        "blurhash": card.blurhash or None,
        "published_at": time_text(card.publish_time) if card.HasField("publish_time") else None,
        "language": card.language or None,
    }
