"""The reference pipeline calls what is there, and builds what a change or a tag names."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github/workflows/service.yaml").read_text()
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))


def changed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts/changed.sh"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)  # noqa: S603 - our own script


def test_every_command_of_the_workflow_is_there() -> None:
    assert yaml.safe_load(WORKFLOW)["jobs"].keys() == {"which", "test", "skew", "image", "canary"}
    for script in re.findall(r"scripts/[\w-]+\.sh", WORKFLOW):
        assert (ROOT / script).stat().st_mode & 0o111, script
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([\w-]+)", WORKFLOW)) <= set(targets)


@pytest.mark.parametrize("service", SERVICES)
def test_a_tag_releases_its_service_alone(service: str) -> None:
    assert json.loads(changed(f"refs/tags/{service}/v1.4.0").stdout) == [service]


def test_a_tag_of_what_services_share_releases_none() -> None:
    assert json.loads(changed("refs/tags/common/v1.4.0").stdout) == []


def test_a_tag_of_nothing_is_refused() -> None:
    result = changed("refs/tags/nobody/v1.0.0")
    assert result.returncode == 1
    assert "names no service" in result.stderr


def test_without_a_change_nothing_is_built() -> None:
    assert json.loads(changed("refs/heads/main", "HEAD").stdout) == []
