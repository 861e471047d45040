"""A hashtag, and what was posted with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import orjson

from rookery.search.v1.search_service_pb2 import HashtagDay


def hashtag(name: str, history: Iterable[HashtagDay], public_url: str, *, following: bool | None) -> bytes:
    """Mastodon's Tag entity; `following` is None for somebody who is not signed in."""
    entity: dict[str, Any] = {
        "name": name,
        "url": f"{public_url}/tags/{quote(name)}",
        "history": [{"day": str(day.day), "uses": str(day.uses), "accounts": str(day.accounts)} for day in history],
    }
    if following is not None:
        entity["following"] = following
    return orjson.dumps(entity)
