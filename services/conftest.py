"""Tests of a service meet no platform but the one they make: its settings are not taken from the environment."""

from __future__ import annotations

import os
import pathlib

import pytest

PREFIXES = tuple(f"{path.parent.name.upper()}_" for path in pathlib.Path(__file__).parent.glob("*/pyproject.toml"))


@pytest.fixture(autouse=True)
def _no_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
