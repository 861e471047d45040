from __future__ import annotations

import pytest

from rookery_common.testing.process import random_master_key

REQUIRED = {
    "MODERATION_POSTGRES_DSN": "postgresql://moderation@127.0.0.1/moderation",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What moderation must be told, and nothing else."""
    for name, value in {**REQUIRED, "MODERATION_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
