"""Group analytics.archive: events as rows, without what people wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from analytics_service.consumers.counting import position_of
from analytics_service.models import ArchivedEvent
from analytics_service.service.archiving import Archiving
from rookery_common.kafka.events import Event

GROUP: Final = "analytics.archive"
TOPICS: Final = (
    "user.events.v1",
    "post.events.v1",
    "post.engagement.v1",
    "moderation.decisions.v1",
    "analytics.interactions.v1",
)
# Texts of a few fixed words; any other text is somebody's own, or tells of somebody.
_WORDS: Final = frozenset({"rookery.analytics.v1.InteractionRecorded.surface"})


class ArchivingHandler:
    """What was gathered, as one effect: a file for each partition in it."""

    def __init__(self, archiving: Archiving) -> None:
        self._archiving = archiving

    async def __call__(self, events: Sequence[Event]) -> None:
        await self._archiving.add([row_of(event) for event in events])


def row_of(event: Event) -> ArchivedEvent:
    """The envelope, and the payload's facts as JSON."""
    position = position_of(event)
    return ArchivedEvent(
        topic=event.topic,
        partition=position.partition,
        offset=position.offset,
        event_id=event.event_id,
        type=event.type,
        source=event.source,
        key=event.key,
        aggregate_id=event.aggregate_id,
        version=event.version,
        occurred_ms=int(event.occurred_at.timestamp() * 1000),
        facts=json.dumps(facts(event.decode()), separators=(",", ":"), sort_keys=True),
    )


def facts(message: Message) -> dict[str, Any]:
    """Ids, numbers, flags, kinds and times of a message and of those in it; no text, no bytes."""
    found = {}
    for field, value in message.ListFields():
        kept = [fact for item in _items(field, value) if (fact := _fact(field, item)) is not None]
        if kept:
            found[field.name] = kept if field.is_repeated else kept[0]
    return found


def _items(field: FieldDescriptor, value: Any) -> Iterable[Any]:
    if not field.is_repeated:
        return [value]
    # A map's keys are texts of its makers.
    return () if field.message_type is not None and field.message_type.GetOptions().map_entry else value


def _fact(field: FieldDescriptor, value: Any) -> Any:
    """None for what is left out."""
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    if isinstance(value, Message):
        return facts(value) or None
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return value if field.full_name in _WORDS else None
    return value
