"""Writes a package's next version into its files: `release.py services/post 1.4.0`; release.sh commits and tags."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from changelog import unreleased
from packaging.version import InvalidVersion, Version

SEMANTIC = re.compile(r"\d+\.\d+\.\d+(rc\d+)?")


class ReleaseError(Exception):
    """The package can't be released so."""


def replace_once(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    if not count:
        raise ReleaseError(f"{path}: nothing matches {pattern}")
    path.write_text(text, encoding="utf-8")


def release(folder: Path, version: str, today: date) -> None:
    """ReleaseError for a version that is none, that does not rise, or that has no line in the CHANGELOG."""
    project, changelog = folder / "pyproject.toml", folder / "CHANGELOG.md"
    current = re.search(r'^version = "(.*)"$', project.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        rises = current is not None and SEMANTIC.fullmatch(version) and Version(version) >= Version(current[1])
    except InvalidVersion:
        rises = False
    if not rises:
        raise ReleaseError(f"{version!r} is not a version from {current and current[1]} on, as 1.4.0 is")
    lines = changelog.read_text(encoding="utf-8")
    if f"## [{version}]" in lines or not unreleased(lines):
        raise ReleaseError(f"{changelog}: {version} is released already, or nothing is under Unreleased")
    replace_once(changelog, r"^## \[Unreleased\]\s*\n", f"## [Unreleased]\n\n## [{version}] - {today}\n\n")
    replace_once(project, r'^version = ".*"$', f'version = "{version}"')
    for package in folder.glob("*/__init__.py"):
        replace_once(package, r'^__version__ = ".*"$', f'__version__ = "{version}"')


if __name__ == "__main__":
    try:
        release(Path(sys.argv[1]), sys.argv[2], datetime.now(UTC).date())
    except ReleaseError as error:
        sys.exit(str(error))
