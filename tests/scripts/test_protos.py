"""buf runs on descriptors that protoc made, without a network: these show that it still sees what it should."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEDIA = "protos/rookery/post/v1/media.proto"
Buf = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the contracts and the scripts, at whose last release the contracts were what they are."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "protos/rookery", tmp_path / "protos/rookery")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
def run(repository: Path) -> Buf:
    def run_script(name: str) -> subprocess.CompletedProcess[str]:
        command = [str(repository / "scripts" / name)]
        return subprocess.run(command, capture_output=True, text=True, timeout=110)  # noqa: S603 - our own scripts

    assert run_script("release-protos.sh").returncode == 0
    return run_script


def change(repository: Path, old: str, new: str) -> None:
    text = (repository / MEDIA).read_text()
    assert old in text
    (repository / MEDIA).write_text(text.replace(old, new))


def test_the_contracts_are_clean_and_compatible_with_themselves(run: Buf) -> None:
    result = run("buf.sh")

    assert result.returncode == 0, result.stdout + result.stderr


def test_a_name_against_the_style_is_found_where_it_stands(run: Buf, repository: Path) -> None:
    change(repository, "string blurhash = 9;", "string BlurHash = 9;")

    result = run("buf.sh")

    assert result.returncode != 0
    assert "rookery/post/v1/media.proto" in result.stdout
    assert "BlurHash" in result.stdout


def test_a_field_that_changes_its_type_is_a_break(run: Buf, repository: Path) -> None:
    change(repository, "int32 width = 1;", "string width = 1;")

    result = run("buf.sh")

    assert result.returncode != 0
    assert 'changed type from "int32" to "string"' in result.stdout


def test_a_new_field_is_no_break(run: Buf, repository: Path) -> None:
    change(repository, "int32 width = 1;", "int32 width = 1;\n  int32 depth = 3;")

    assert run("buf.sh").returncode == 0
