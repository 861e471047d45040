from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

Run = Callable[..., subprocess.CompletedProcess[str]]

TOPICS = """topics:
  post.events.v1:
    description: Posts.
    producer: post
    key: post_id
    messages: [rookery.post.v1.PostCreated]
    partitions: 6
    retention_hours: 168
    consumers: [{group: feed.post-events}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One topic, its message, its example, its two services."""
    examples = tmp_path / "protos" / "examples" / "post.events.v1"
    examples.mkdir(parents=True)
    (examples / "PostCreated.json").write_text("{}")
    for name in ("post", "feed"):
        (tmp_path / "services" / name).mkdir(parents=True)
    file = FileDescriptorProto(package="rookery.post.v1")
    file.message_type.add(name="PostCreated")
    (tmp_path / "image").write_bytes(FileDescriptorSet(file=[file]).SerializeToString())
    (tmp_path / "protos" / "topics.yaml").write_text(TOPICS)
    return tmp_path


def test_a_right_topic_passes(script: Run, repository: Path) -> None:
    assert script("topics.py", "image").returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("post.events.v1:", "PostEvents:", "a topic is named"),
        ("producer: post", "producer: posts", "producer posts is not a service"),
        ("PostCreated]", "PostMade]", "message rookery.post.v1.PostMade is in no proto file"),
        ("feed.post-events", "postEvents", "group 'postEvents' is not `service.purpose`"),
        ("    key: post_id\n", "", "key must be a str"),
        ("    partitions: 6\n", "    partition: 6\n", "unknown field partition"),
    ],
)
def test_a_wrong_topic_is_named(script: Run, repository: Path, right: str, wrong: str, said: str) -> None:
    (repository / "protos" / "topics.yaml").write_text(TOPICS.replace(right, wrong))

    result = script("topics.py", "image")

    assert result.returncode == 1
    assert said in result.stderr


def test_a_message_without_a_golden_example_is_named(script: Run, repository: Path) -> None:
    (repository / "protos/examples/post.events.v1/PostCreated.json").unlink()

    assert "no golden example protos/examples/post.events.v1/PostCreated.json" in script("topics.py", "image").stderr


def test_a_stale_page_is_noticed_and_written_anew(script: Run, repository: Path) -> None:
    (repository / "docs").mkdir()

    assert "is stale" in script("docs.py", "--check", "docs/topics.md").stderr
    assert script("docs.py", "docs/topics.md").returncode == 0
    assert script("docs.py", "--check", "docs/topics.md").returncode == 0
    assert "`feed.post-events`" in (repository / "docs" / "topics.md").read_text()
