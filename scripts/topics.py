"""Checks protos/topics.yaml: `topics.py IMAGE`, a descriptor set of the protos.

Each message is in the descriptors and has a golden example, each group is `service.purpose`, and each topic has what a
reader needs: who writes it, its key, its retention.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet

FIELDS: Mapping[str, type] = {
    "description": str,
    "producer": str,
    "key": str,
    "messages": list,
    "partitions": int,
    "retention_hours": int,
    "consumers": list,
}
OPTIONAL: Mapping[str, type] = {"followers": list}  # services that read without a group, for caches of their own
TOPIC = re.compile(r"[a-z]+\.[a-z]+\.v[1-9]\d*")
GROUP = re.compile(r"([a-z]+)\.[a-z]+(-[a-z]+)*")


def shape_problems(name: str, topic: Mapping[str, Any]) -> Iterator[str]:
    if not TOPIC.fullmatch(name):
        yield f"{name}: a topic is named `<domain>.<noun>.v<number>`"
    for field in FIELDS.keys() | topic.keys():
        expected = FIELDS.get(field) or OPTIONAL.get(field)
        if expected is None:
            yield f"{name}: unknown field {field}"
        elif not isinstance(topic.get(field), expected):
            yield f"{name}: {field} must be a {expected.__name__}"


@dataclass(frozen=True)
class Known:
    """What topics.yaml may refer to."""

    services: frozenset[str]
    messages: frozenset[str]
    examples: frozenset[str]  # `<topic>/<Message>.json`

    @classmethod
    def of(cls, image: Path, root: Path) -> Known:
        files = FileDescriptorSet.FromString(image.read_bytes()).file
        examples = root / "protos" / "examples"
        return cls(
            services=frozenset(path.name for path in (root / "services").iterdir()),
            messages=frozenset(f"{file.package}.{message.name}" for file in files for message in file.message_type),
            examples=frozenset(str(path.relative_to(examples)) for path in examples.glob("*/*.json")),
        )


def reference_problems(name: str, topic: Mapping[str, Any], known: Known) -> Iterator[str]:
    if topic["producer"] not in known.services:
        yield f"{name}: producer {topic['producer']} is not a service"
    for message in topic["messages"]:
        example = f"{name}/{message.rpartition('.')[2]}.json"
        if message not in known.messages:
            yield f"{name}: message {message} is in no proto file"
        elif example not in known.examples:
            yield f"{name}: no golden example protos/examples/{example}"
    for follower in topic.get("followers", ()):
        if follower not in known.services:
            yield f"{name}: follower {follower} is not a service"
    for consumer in topic["consumers"]:
        group = GROUP.fullmatch(consumer.get("group", ""))
        if group is None or group[1] not in known.services:
            yield f"{name}: group {consumer.get('group')!r} is not `service.purpose`"


def problems(topics: Mapping[str, Mapping[str, Any]], known: Known) -> Iterator[str]:
    for name, topic in topics.items():
        wrong = list(shape_problems(name, topic))
        yield from wrong or reference_problems(name, topic, known)


def main(image: Path, root: Path) -> str | None:
    topics = yaml.safe_load((root / "protos" / "topics.yaml").read_text(encoding="utf-8"))["topics"]
    return "\n".join(problems(topics, Known.of(image, root))) or None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path()))
