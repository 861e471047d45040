"""Each service may do in Kafka what the contract says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from rookery_common.kafka.acls import Grant, grants
from rookery_common.testing.golden import EXAMPLES

TOPICS: dict[str, Any] = yaml.safe_load(Path(EXAMPLES.parent, "topics.yaml").read_text())["topics"]


def test_producers_write_consumers_read_and_followers_need_no_group() -> None:
    topics = {
        "post.events.v1": {"producer": "post", "consumers": [{"group": "feed.post-events"}], "followers": ["gateway"]}
    }
    assert grants(topics) == [
        Grant("feed", "group", "feed.post-events", ("Describe", "Read")),
        Grant("feed", "topic", "feed.post-events.dlq", ("Describe", "Write")),
        Grant("feed", "topic", "post.events.v1", ("Describe", "Read")),
        Grant("gateway", "topic", "post.events.v1", ("Describe", "Read")),
        Grant("post", "topic", "post.events.v1", ("Describe", "Write")),
    ]


def test_who_reads_what_it_writes_is_granted_once_for_both() -> None:
    topics = {"post.events.v1": {"producer": "post", "consumers": [{"group": "post.deletions"}]}}
    assert Grant("post", "topic", "post.events.v1", ("Describe", "Read", "Write")) in grants(topics)


def test_nobody_writes_to_another_services_topic() -> None:
    for grant in grants(TOPICS):
        if "Write" in grant.operations:
            assert grant.name.startswith((f"{grant.user}.", "analytics.interactions.v1"))
        if grant.resource == "group":
            assert grant.name.startswith(f"{grant.user}.")
