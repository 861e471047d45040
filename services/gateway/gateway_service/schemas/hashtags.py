"""A hashtag, and what was posted with it, by everybody or by an account that features it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any
from urllib.parse import quote

import orjson

from rookery.search.v1.search_service_pb2 import HashtagDay
from rookery.user.v1.featured_tag_service_pb2 import FeaturedTag


def hashtag(
    name: str,
    history: Iterable[HashtagDay],
    public_url: str,
    *,
    following: bool | None,
    featuring: bool | None = None,
) -> bytes:
    """Mastodon's Tag entity; `following` and `featuring` are None where they are not told."""
    entity: dict[str, Any] = {
        "name": name,
        "url": f"{public_url}/tags/{quote(name)}",
        "history": [{"day": str(day.day), "uses": str(day.uses), "accounts": str(day.accounts)} for day in history],
    }
    if following is not None:
        entity["following"] = following
    if featuring is not None:
        entity["featuring"] = featuring
    return orjson.dumps(entity)


def featured_tag(tag: FeaturedTag, username: str, public_url: str) -> bytes:
    """Mastodon's FeaturedTag entity, whose count is a text and whose time is a day."""
    last = tag.last_status_time.ToDatetime(UTC).date().isoformat() if tag.HasField("last_status_time") else None
    return orjson.dumps(
        {
            "id": str(tag.featured_id),
            "name": tag.name,
            "url": f"{public_url}/@{username}/tagged/{quote(tag.name)}",
            "statuses_count": str(tag.statuses),
            "last_status_at": last,
        }
    )
