"""Conversations and messages as our own API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from rookery.messaging.v1.messaging_service_pb2 import Conversation, Message


def conversation(message: Conversation, members: Sequence[bytes]) -> bytes:
    """The members as Account entities, and by id, since whoever has left the platform is no account any more."""
    return orjson.dumps(
        {
            "id": str(message.conversation_id),
            "title": message.title,
            "creator_id": str(message.creator_id),
            "member_ids": [str(member_id) for member_id in message.member_ids],
            "members": [orjson.Fragment(member) for member in members],
            "last_sequence": message.last_sequence,
            "read_sequence": message.read_sequence,
            "unread_count": message.last_sequence - message.read_sequence,
            "created_at": moment(message.create_time),
        }
    )


def message_entity(message: Message) -> dict[str, Any]:
    """A message; its text is plain, clients escape it. `deleted`: it went with its sender's account."""
    return {
        "id": str(message.message_id),
        "conversation_id": str(message.conversation_id),
        "sequence": message.sequence,
        "sender_id": str(message.sender_id),
        "text": message.text,
        "deleted": message.deleted,
        "created_at": moment(message.create_time),
    }


def page(items: Sequence[bytes], next_cursor: str | None) -> bytes:
    """A page of our own lists."""
    return orjson.dumps({"items": [orjson.Fragment(item) for item in items], "next_cursor": next_cursor})


def moment(time: Timestamp | datetime) -> str:
    """UTC with milliseconds and Z."""
    at = time if isinstance(time, datetime) else time.ToDatetime(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
