"""Asks for a CHANGELOG line with each change of a package: `changelog.py CHANGELOG.md < files changed since a tag`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

UNRELEASED = re.compile(r"^## \[Unreleased\]\s*$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def unreleased(changelog: str) -> list[str]:
    """The bullet lines under Unreleased."""
    section = UNRELEASED.search(changelog)
    return [line for line in section[1].splitlines() if line.startswith("- ")] if section else []


def main(changelog: Path, changed: Sequence[str]) -> str | None:
    if changed and not unreleased(changelog.read_text(encoding="utf-8")):
        return f"{changelog}: nothing under Unreleased, but {', '.join(changed[:3])} changed since the last release"
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdin.read().split()))
