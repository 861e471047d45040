from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_long_file_and_a_long_function_are_named(script: Run, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "deep.py").write_text("def f():\n" + "    x = 1\n" * 50)
    (tmp_path / "fine.py").write_text("x = 1\n" * 351 + "def f():\n" + "    x = 1\n" * 48)

    result = script("ceilings.py", "long.py", "deep.py", "fine.py")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "long.py: 401 lines (ceiling 400): make it a package, one file a use case",
        "deep.py:1: f has 51 lines (ceiling 50)",
    ]


def test_a_package_index_and_a_machines_path_are_refused(script: Run, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index" + "-url = https://example.org/simple\n")
    (tmp_path / "run.sh").write_text("cd /ro" + "ot/checkout\n")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "fine.md").write_text(
        "http://127.0.0.1:8080/api/v1/statuses, /var/lib/rookery, https://docs.python.org\n"
    )

    result = script("tracked.py", "pip.conf", "run.sh", "uv.lock", "fine.md")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "pip.conf:1: names a package index",
        "run.sh:1: names a path of one machine",
        "uv.lock: the one lock is requirements.txt",
    ]


@pytest.mark.parametrize(
    ("changelog", "changed", "code"),
    [
        ("# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n- First.\n", "services/post/post_service/service.py\n", 1),
        ("# Changelog\n\n## [0.1.0]\n- First.\n", "services/post/post_service/service.py\n", 1),
        ("# Changelog\n\n## [Unreleased]\n### Added\n- Polls.\n", "services/post/post_service/service.py\n", 0),
        ("# Changelog\n\n## [Unreleased]\n", "", 0),
    ],
)
def test_a_changed_package_needs_an_unreleased_line(
    script: Run, tmp_path: Path, changelog: str, changed: str, code: int
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(changelog)

    result = script("changelog.py", "CHANGELOG.md", stdin=changed)

    assert result.returncode == code
    assert ("post_service/service.py changed since the last release" in result.stderr) == bool(code)


def test_the_lock_is_held_to_its_floors_and_to_what_the_packages_ask_for(script: Run, tmp_path: Path) -> None:
    service = tmp_path / "services" / "post"
    service.mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text(
        "fastapi==0.100.0 \\\n    --hash=sha256:00\npillow==13.0.0\nredis==8.1.0\n"
    )
    (service / "requirements.txt").write_text("pillow==13.0.1\nredis==8.1.0\n")
    (service / "pyproject.toml").write_text(
        '[project]\nname = "post-service"\ndependencies = ["redis>=9", "rookery-common"]\n'
    )

    result = script("floors.py", "requirements.txt", "services/post/requirements.txt")

    assert result.returncode == 1
    assert "fastapi 0.100.0 is below its floor 0.165" in result.stderr
    assert "protobuf is not in the lock" in result.stderr
    assert "services/post/requirements.txt: pillow 13.0.1, but the root lock has 13.0.0" in result.stderr
    assert "services/post/pyproject.toml: redis>=9 is not met by the lock (8.1.0)" in result.stderr
