"""The topics of protos/topics.yaml, and a dead-letter topic for each group that reads them."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # the two are re-exported without saying so
    AdminClient,
    NewPartitions,
    NewTopic,
)

from rookery_common.kafka.acls import Grant, grants
from rookery_local.instance import REPOSITORY

CONTRACT = REPOSITORY / "protos" / "topics.yaml"
DEAD_LETTER_HOURS = 24 * 14


@dataclass(frozen=True)
class Topic:
    """What a topic is created with."""

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


def declared(contract: Path = CONTRACT) -> list[Topic]:
    """Every topic to be made; none while there is no contract. Fields it does not know are left alone."""
    if not contract.exists():
        return []
    document = yaml.safe_load(contract.read_text()) or {}
    topics: dict[str, Topic] = {}
    for name, entry in (document.get("topics") or {}).items():
        fields = entry or {}
        topics[name] = Topic(name, int(fields.get("partitions", 6)), _settings(fields))
        for consumer in fields.get("consumers") or []:
            group = consumer["group"] if isinstance(consumer, dict) else str(consumer)
            dead = f"{group}.dlq"
            topics[dead] = Topic(dead, 1, {"retention.ms": str(DEAD_LETTER_HOURS * 3_600_000)})
    return list(topics.values())


def rights(contract: Path = CONTRACT) -> list[tuple[Grant, str]]:
    """Each operation that a service's user may do, with on what."""
    document = yaml.safe_load(contract.read_text())
    return [(grant, operation) for grant in grants(document["topics"]) for operation in grant.operations]


def _settings(fields: Mapping[str, Any]) -> dict[str, str]:
    settings = {str(key): str(value) for key, value in (fields.get("config") or {}).items()}
    if "retention_hours" in fields:
        settings["retention.ms"] = str(int(float(fields["retention_hours"]) * 3_600_000))
    if fields.get("compacted"):
        settings["cleanup.policy"] = "compact"
    return settings


def create_missing(admin: AdminClient, topics: list[Topic]) -> None:
    """Creates what is not there, and adds partitions where the contract now wants more; deletes nothing."""
    present = admin.list_topics(timeout=10).topics
    new = [NewTopic(t.name, t.partitions, 1, config=dict(t.settings)) for t in topics if t.name not in present]
    grown = [
        NewPartitions(topic.name, topic.partitions)
        for topic in topics
        if topic.name in present and len(present[topic.name].partitions) < topic.partitions
    ]
    waiting: dict[str, Future[None]] = {}
    if new:
        waiting |= admin.create_topics(new, operation_timeout=20)
    if grown:
        waiting |= admin.create_partitions(grown, operation_timeout=20)
    for future in waiting.values():
        try:
            future.result(timeout=30)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
