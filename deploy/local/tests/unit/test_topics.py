"""The contract's topics, read leniently."""

from pathlib import Path

from rookery_local.topics import CONTRACT, Topic, declared


def test_each_group_gets_a_dead_letter_topic(tmp_path: Path) -> None:
    contract = tmp_path / "topics.yaml"
    contract.write_text(
        "topics:\n"
        "  post.events.v1: {partitions: 3, retention_hours: 2, consumers: [{group: feed.post-events}], other: 1}\n"
        "  bare.v1:\n"
    )
    topics = {topic.name: topic for topic in declared(contract)}
    assert topics["post.events.v1"] == Topic("post.events.v1", 3, {"retention.ms": "7200000"})
    assert topics["feed.post-events.dlq"].partitions == 1
    assert topics["bare.v1"] == Topic("bare.v1", 6)


def test_no_contract_means_no_topics(tmp_path: Path) -> None:
    assert declared(tmp_path / "none.yaml") == []


def test_the_contract_of_this_repository_is_understood() -> None:
    assert {topic.name for topic in declared(CONTRACT)} >= {"post.events.v1", "feed.post-events.dlq"}
