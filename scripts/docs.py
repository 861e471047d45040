"""Writes docs/topics.md from protos/topics.yaml; `docs.py --check` fails when the page is stale."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path("protos/topics.yaml")
PAGE = Path("docs/topics.md")
HEAD = """# Topics

Generated from `protos/topics.yaml` by `make docs`; don't edit. Values are protobuf, headers are CloudEvents 1.0 in
binary mode. What a group cannot handle goes to its dead-letter topic, `<group>.dlq`.

"""


def section(name: str, topic: Mapping[str, Any]) -> str:
    groups = ", ".join(f"`{consumer['group']}`" for consumer in topic["consumers"]) or "none yet"
    rows = [
        ("written by", topic["producer"]),
        ("read by", groups),
        ("key", topic["key"]),
        ("partitions", topic["partitions"]),
        ("kept for", f"{topic['retention_hours']} hours"),
        ("messages", ", ".join(f"`{message}`" for message in topic["messages"])),
    ]
    table = "".join(f"| {label} | {value} |\n" for label, value in rows)
    return f"## {name}\n\n{topic['description']}\n\n| | |\n|---|---|\n{table}"


def page(topics: Mapping[str, Mapping[str, Any]]) -> str:
    return HEAD + "\n".join(section(name, topic) for name, topic in sorted(topics.items()))


def main(arguments: list[str]) -> str | None:
    text = page(yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["topics"])
    if arguments == ["--check"]:
        stale = not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text
        return f"{PAGE} is stale: run make docs" if stale else None
    PAGE.write_text(text, encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
