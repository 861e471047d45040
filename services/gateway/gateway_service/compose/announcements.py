"""Announcements, as everybody and the staff see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from gateway_service.compose.html import Renderer
from gateway_service.compose.times import time_text
from rookery.moderation.v1.announcement_service_pb2 import Announcement, AnnouncementReader


def announcement(message: Announcement, renderer: Renderer) -> bytes:
    """Mastodon's Announcement entity: its text as that of posts, its mentions, hashtags and posts not linked."""
    return orjson.dumps(_entity(message, renderer))


def announcement_for(
    message: Announcement, readers: Iterable[AnnouncementReader], renderer: Renderer
) -> tuple[bytes, dict[int, bytes]]:
    """The same for whoever has made nothing of it, and for these accounts, who have."""
    entity = _entity(message, renderer)
    own = {reader.account_id: orjson.dumps(_as_read(entity, reader)) for reader in readers}
    return orjson.dumps(entity), own


def _as_read(entity: Mapping[str, Any], reader: AnnouncementReader) -> dict[str, Any]:
    reactions = [{**each, "me": each["name"] in reader.reactions} for each in entity["reactions"]]
    return {**entity, "read": reader.read, "reactions": reactions}


def staff_announcement(message: Announcement, renderer: Renderer) -> bytes:
    """The same with what the staff has written, of drafts too, whose `published_at` is null."""
    content = message.content
    more = {
        "text": content.text,
        "published": content.published,
        "scheduled_at": _optional(content.schedule_time, set_=content.HasField("schedule_time")),
        "created_at": time_text(message.create_time),
    }
    return orjson.dumps({**_entity(message, renderer), **more})


def _entity(message: Announcement, renderer: Renderer) -> dict[str, Any]:
    content = message.content
    return {
        "id": str(message.announcement_id),
        "content": renderer.render(content.text),
        "starts_at": _optional(content.start_time, set_=content.HasField("start_time")),
        "ends_at": _optional(content.end_time, set_=content.HasField("end_time")),
        "all_day": content.all_day,
        "published_at": _optional(message.publish_time, set_=message.HasField("publish_time")),
        "updated_at": time_text(message.update_time),
        "read": message.read,
        "mentions": [],
        "statuses": [],
        "tags": [],
        "emojis": [],
        "reactions": [{"name": each.name, "count": each.count, "me": each.me} for each in message.reactions],
    }


def _optional(moment: Timestamp, *, set_: bool) -> str | None:
    return time_text(moment) if set_ else None
