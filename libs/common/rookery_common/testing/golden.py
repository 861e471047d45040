"""Golden events: one example of every message, which tests of producers and of consumers read alike.

`protos/examples/<topic>/<Message>.json` holds the record's key, its headers, and the payload as proto-JSON.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from rookery_common.kafka.events import Event, message_class

EXAMPLES = Path(__file__).parents[4] / "protos" / "examples"


def golden_names(topic: str) -> list[str]:
    """The examples of a topic, by name."""
    return sorted(path.stem for path in (EXAMPLES / topic).glob("*.json"))


def golden(topic: str, name: str) -> Event:
    """The example as the event that a consumer is given."""
    record = _read(topic, name)
    payload = golden_message(topic, name).SerializeToString()
    headers = [(header, value.encode()) for header, value in record["headers"].items()]
    return Event.from_message(topic, record["key"].encode(), payload, headers)


def golden_message(topic: str, name: str) -> Message:
    """The example's payload; a field that the message does not have is an error."""
    record = _read(topic, name)
    message = message_class(record["headers"]["ce_type"])()
    return json_format.ParseDict(record["payload"], message)


def golden_events(topic: str) -> list[Event]:
    """All examples of a topic."""
    return [golden(topic, name) for name in golden_names(topic)]


@cache
def _read(topic: str, name: str) -> Any:
    path = EXAMPLES / topic / f"{name}.json"
    if not path.is_file():
        raise AssertionError(f"there is no example {topic}/{name}.json")
    return json.loads(path.read_text())
