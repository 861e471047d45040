"""Helm is there, or every test says how to get it."""

from __future__ import annotations

import pytest
from chart_rendering import helm


@pytest.fixture(scope="session", autouse=True)
def _helm() -> None:
    if not helm().exists():
        pytest.fail("helm is missing: make charts-tools builds it")
