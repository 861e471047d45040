"""What was posted with a hashtag."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from rookery.search.v1.search_service_pb2 import Hashtag


def hashtag(message: Hashtag, public_url: str, *, signed_in: bool) -> bytes:
    """Mastodon's Tag entity. Whoever is signed in does not follow it: nobody can follow a hashtag yet."""
    entity: dict[str, Any] = {
        "name": message.name,
        "url": f"{public_url}/tags/{quote(message.name)}",
        "history": [
            {"day": str(day.day), "uses": str(day.uses), "accounts": str(day.accounts)} for day in message.history
        ],
    }
    if signed_in:
        entity["following"] = False
    return orjson.dumps(entity)
