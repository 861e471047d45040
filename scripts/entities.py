"""JSON schemas and examples from `services/gateway/entities.yaml`, where each entity is written as an example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path("services/gateway/entities.yaml")
MAX_NESTING = 2
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
Json = dict[str, Any]


def load() -> Mapping[str, Any]:
    """The file: entities, answers by operation, statuses, media types."""
    loaded: Mapping[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return loaded


def schema_of(value: Any) -> Json:
    """The schema of what the example shows."""
    if isinstance(value, str):
        if value.startswith("$"):
            return {"$ref": f"#/components/schemas/{value[1:]}"}
        return {"type": "string", "format": "date-time"} if _TIME.fullmatch(value) else {"type": "string"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0])}
    if isinstance(value, dict):
        return _object(value)
    return {}


def _object(members: Mapping[str, Any]) -> Json:
    properties, required = {}, []
    for key, value in members.items():
        name = _name(key)
        schema = schema_of(value)
        properties[name] = {"anyOf": [schema, {"type": "null"}]} if "~" in key and schema else schema
        if "?" not in key:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required} if properties else {}


def example_of(value: Any, entities: Mapping[str, Any], nesting: int = 0) -> Any:
    """The example itself, with other entities put in, to a depth that people still read."""
    if isinstance(value, str) and value.startswith("$"):
        return example_of(entities[value[1:]], entities, nesting + 1) if nesting < MAX_NESTING else {}
    if isinstance(value, list):
        deep = nesting >= MAX_NESTING - 1 and isinstance(value[0], str) and value[0].startswith("$")
        return [] if deep else [example_of(value[0], entities, nesting)]
    if isinstance(value, dict):
        # An entity within itself (a status's reblog) would have no end.
        return {
            _name(key): None if "~" in key and isinstance(each, str) and each.startswith("$") else
            example_of(each, entities, nesting)
            for key, each in value.items()
        }  # fmt: skip
    return value


def _name(key: str) -> str:
    return key.rstrip("?~")
