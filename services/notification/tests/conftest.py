from __future__ import annotations

import pytest

from rookery_common.testing.process import random_master_key

REQUIRED = {
    "NOTIFICATION_CQL_KEYSPACE": "rookery_notification",
    "NOTIFICATION_REDIS_CACHE_URL": "redis://127.0.0.1:6379/0",
    "NOTIFICATION_REDIS_STATE_URL": "redis://127.0.0.1:6380/0",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What notification must be told, and nothing else."""
    for name, value in {**REQUIRED, "NOTIFICATION_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
