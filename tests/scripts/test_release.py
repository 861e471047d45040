from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Polls.\n\n## [0.1.0] - 2026-11-01\n\n- First.\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "services" / "post"
    (folder / "post_service").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "post-service"\nversion = "0.1.0"\n')
    (folder / "post_service" / "__init__.py").write_text('"""Posts."""\n\n__version__ = "0.1.0"\n')
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    return folder


def test_a_release_writes_the_version_and_dates_the_changelog(script: Run, package: Path) -> None:
    result = script("release.py", "services/post", "0.2.0")

    assert result.returncode == 0, result.stderr
    assert 'version = "0.2.0"' in (package / "pyproject.toml").read_text()
    assert '__version__ = "0.2.0"' in (package / "post_service" / "__init__.py").read_text()
    head, _, released = (package / "CHANGELOG.md").read_text().partition("## [0.2.0] - 20")
    assert head.endswith("## [Unreleased]\n\n")
    assert "- Polls." in released.partition("## [0.1.0]")[0]


@pytest.mark.parametrize("version", ["0.0.9", "next", "1.2", "v1.2.3"])
def test_a_version_that_does_not_rise_or_is_none_is_refused(script: Run, package: Path, version: str) -> None:
    result = script("release.py", "services/post", version)

    assert result.returncode == 1
    assert "is not a version from 0.1.0 on" in result.stderr
    assert (package / "CHANGELOG.md").read_text() == CHANGELOG


def test_a_release_without_a_line_in_the_changelog_is_refused(script: Run, package: Path) -> None:
    (package / "CHANGELOG.md").write_text(CHANGELOG.replace("- Polls.\n", ""))

    assert script("release.py", "services/post", "0.2.0").returncode == 1
    assert 'version = "0.1.0"' in (package / "pyproject.toml").read_text()
