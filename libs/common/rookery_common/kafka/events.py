"""The one envelope of all events: CloudEvents 1.0 in Kafka's binary mode, a protobuf message as the value."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from google.protobuf import symbol_database
from google.protobuf.message import DecodeError, Message

from rookery_common.clock import Clock
from rookery_common.ids import uuid7
from rookery_common.telemetry import current_traceparent

CONTENT_TYPE = "application/protobuf"
SPEC_VERSION = "1.0"
_TYPE = re.compile(r"(rookery\.[a-z]+\.v\d+)\.[A-Z]\w*")
_EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Headers = list[tuple[str, bytes]]


class UndecodableEvent(Exception):
    """A record that is no event of ours; trying again won't help. The message never carries the record's values."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in its topic a record is; the same each time that it is read."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an aggregate, with the state it left and the version of that state.

    Its position is no part of it: a consumer sets it, for those who keep account of what they have read.
    """

    event_id: str
    type: str
    topic: str
    key: str
    aggregate_id: str
    version: int
    occurred_at: datetime
    payload: bytes
    traceparent: str
    source: str
    position: Position | None = field(default=None, compare=False)

    def to_headers(self) -> Headers:
        """The attributes as Kafka headers."""
        headers = {
            "ce_specversion": SPEC_VERSION,
            "ce_id": self.event_id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_time": self.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce_subject": self.aggregate_id,
            "ce_aggregateversion": str(self.version),
            "content-type": CONTENT_TYPE,
        }
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        return [(name, value.encode()) for name, value in headers.items()]

    @classmethod
    def from_message(
        cls,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]] | None,
        position: Position | None = None,
    ) -> Self:
        """The event that a record carries. Raises UndecodableEvent naming the header that is wrong."""
        try:
            found = {name: (raw or b"").decode() for name, raw in headers or ()}
            text_key = (key or b"").decode()
        except UnicodeDecodeError:
            raise UndecodableEvent("headers or key are not UTF-8") from None
        if found.get("ce_specversion") != SPEC_VERSION:
            raise UndecodableEvent("ce_specversion is not 1.0")
        if found.get("content-type") != CONTENT_TYPE:
            raise UndecodableEvent(f"content-type is not {CONTENT_TYPE}")
        return cls(
            event_id=_matching(_EVENT_ID, found, "ce_id"),
            type=_matching(_TYPE, found, "ce_type"),
            topic=topic,
            key=text_key,
            aggregate_id=_required(found, "ce_subject"),
            version=_number(found, "ce_aggregateversion"),
            occurred_at=_time(found, "ce_time"),
            payload=value or b"",
            traceparent=found.get("traceparent", ""),
            source=_required(found, "ce_source"),
            position=position,
        )

    def decode(self) -> Message:
        """The payload as the message that `type` names. Raises UndecodableEvent if it is unknown or does not parse."""
        try:
            return message_class(self.type).FromString(self.payload)
        except DecodeError:
            raise UndecodableEvent(f"the payload is no {self.type}") from None


def new_event(
    topic: str,
    key: str,
    message: Message,
    *,
    version: int,
    clock: Clock,
    source: str,
    aggregate_id: str | None = None,
) -> Event:
    """An event that happens now, in the current trace; its aggregate is the key's unless told otherwise."""
    return Event(
        event_id=uuid7(),
        type=message.DESCRIPTOR.full_name,
        topic=topic,
        key=key,
        aggregate_id=key if aggregate_id is None else aggregate_id,
        version=version,
        occurred_at=clock.now(),
        payload=message.SerializeToString(),
        traceparent=current_traceparent(),
        source=source,
    )


@functools.cache
def message_class(name: str) -> type[Message]:
    """The generated class of an event; a package's events are in its `*events.proto`. Raises UndecodableEvent."""
    symbols = symbol_database.Default()
    with suppress(KeyError):  # not imported yet
        return symbols.GetSymbol(name)
    match = _TYPE.fullmatch(name)
    if match is None:
        raise UndecodableEvent("ce_type is not the name of an event")
    try:
        _import_events(match.group(1))
        return symbols.GetSymbol(name)
    except (ImportError, KeyError):
        raise UndecodableEvent(f"{name} is not known here") from None


def _import_events(package: str) -> None:
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name.endswith("events_pb2"):
            importlib.import_module(f"{package}.{module.name}")


def _required(found: Mapping[str, str], name: str) -> str:
    value = found.get(name, "")
    if not value:
        raise UndecodableEvent(f"{name} is missing")
    return value


def _matching(pattern: re.Pattern[str], found: Mapping[str, str], name: str) -> str:
    value = _required(found, name)
    if pattern.fullmatch(value) is None:
        raise UndecodableEvent(f"{name} is malformed")
    return value


def _number(found: Mapping[str, str], name: str) -> int:
    value = _required(found, name)
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise UndecodableEvent(f"{name} is not a number")
    return int(value)


def _time(found: Mapping[str, str], name: str) -> datetime:
    try:
        value = datetime.fromisoformat(_required(found, name))
    except ValueError:
        raise UndecodableEvent(f"{name} is not a time") from None
    if value.tzinfo is None:
        raise UndecodableEvent(f"{name} has no time zone")
    return value
