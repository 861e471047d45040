"""The import rules of the root pyproject.toml, tried on packages in which each of them is broken once."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BROKEN = {
    "feed_service/clients.py": "import post_service.models",
    "rookery_common/logs.py": "import auth_service",
    "user_service/models.py": "import user_service.service",
    "post_service/service.py": "import grpc",
    "moderation_service/repository.py": "from rookery.moderation.v1 import events_pb2",
    "search_service/consumers.py": "import elasticsearch",
    "gateway_service/compose.py": "import gateway_service.routers",
}
ALLOWED = {
    "post_service/repository.py": "import cassandra",
    "post_service/servicer.py": "import grpc\nimport post_service.service\nfrom rookery.post.v1 import post_pb2",
    "rookery_common/clients.py": "import asyncpg",
    "gateway_service/compose.py": "from rookery.post.v1 import post_pb2\nimport gateway_service.clients",
}


def lint(folder: Path, modules: dict[str, str]) -> subprocess.CompletedProcess[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    empty = [f"{name}/__init__.py" for name in settings["root_packages"]]
    targets = [
        "post_service/models.py",
        "user_service/service.py",
        "gateway_service/routers.py",
        "gateway_service/clients.py",
    ]
    protos = ["rookery/post/__init__.py", "rookery/post/v1/__init__.py", "rookery/post/v1/post_pb2.py"]
    protos += [name.replace("post", "moderation", 1) for name in protos]
    for name, source in {**dict.fromkeys(empty + targets + protos, ""), **modules}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source + "\n")
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    command = [lint_imports, "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110)  # noqa: S603 - our own command


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    return lint(tmp_path_factory.mktemp("broken"), BROKEN).stdout


@pytest.mark.parametrize(
    "import_",
    [
        "feed_service.clients -> post_service.models",
        "rookery_common.logs -> auth_service",
        "user_service.models -> user_service.service",
        "post_service.service -> grpc",
        "moderation_service.repository -> rookery.moderation.v1",
        "search_service.consumers -> elasticsearch",
        "gateway_service.compose -> gateway_service.routers",
    ],
)
def test_a_forbidden_import_is_reported(broken: str, import_: str) -> None:
    assert import_ in broken


def test_the_imports_that_the_layout_gives_are_allowed(tmp_path: Path) -> None:
    result = lint(tmp_path, ALLOWED)

    assert result.returncode == 0, result.stdout
