"""Posts for other pages."""

from __future__ import annotations

from html import escape
from typing import Any

import orjson

from gateway_service.config import Settings

# What is deleted or hidden here stays on other pages for so long.
CACHE_SECONDS = 600


def embedded(status: dict[str, Any], settings: Settings, *, width: int, height: int | None) -> bytes:
    """oEmbed's `rich` answer for a Status; its HTML needs no script, and nothing else of ours."""
    shown = status["reblog"] or status
    account = shown["account"]
    name = account["display_name"] or account["username"]
    return orjson.dumps(
        {
            "type": "rich",
            "version": "1.0",
            "title": f"Post by {name}",
            "author_name": name,
            "author_url": account["url"],
            "provider_name": settings.title,
            "provider_url": settings.public_url,
            "cache_age": CACHE_SECONDS,
            "html": _html(shown, name),
            "width": width,
            "height": height,
        }
    )


def _html(status: dict[str, Any], name: str) -> str:
    """What is behind a warning is not shown, but linked."""
    url, warning = escape(status["url"]), status["spoiler_text"]
    content = f"<p>{escape(warning)}</p>" if warning else status["content"]
    author = f"{escape(name)} (@{escape(status['account']['acct'])})"
    return (
        f'<blockquote class="rookery-embed" cite="{url}">{content}'
        f'<footer>{author}, <a href="{url}">{escape(status["created_at"][:10])}</a></footer></blockquote>'
    )
