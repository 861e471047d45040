"""Who may do what in Kafka, from the contract of the topics: each service with its own topics and groups alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

READ, WRITE = ("Describe", "Read"), ("Describe", "Write")
GROUP = ("Describe", "Read")


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """What one user, named as its service, may do with one topic or group; operations as Kafka names them."""

    user: str
    resource: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]


def grants(topics: Mapping[str, Mapping[str, Any]]) -> list[Grant]:
    """All that the contract's `topics` need, sorted; a topic that one reads and writes is granted once for both."""
    wanted: dict[tuple[str, Literal["topic", "group"], str], set[str]] = {}
    for name, topic in topics.items():
        for user, resource, resource_name, operations in _of_topic(name, topic):
            wanted.setdefault((user, resource, resource_name), set()).update(operations)
    return sorted(Grant(*key, tuple(sorted(operations))) for key, operations in wanted.items())


def _of_topic(
    name: str, topic: Mapping[str, Any]
) -> Iterator[tuple[str, Literal["topic", "group"], str, tuple[str, ...]]]:
    yield topic["producer"], "topic", name, WRITE
    for follower in topic.get("followers", ()):
        yield follower, "topic", name, READ
    for consumer in topic["consumers"]:
        group = consumer["group"]
        service = group.partition(".")[0]
        yield service, "topic", name, READ
        yield service, "group", group, GROUP
        yield service, "topic", f"{group}.dlq", WRITE
