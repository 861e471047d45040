from __future__ import annotations

import pytest

from rookery_common.testing.process import random_master_key

REQUIRED = {
    "ANALYTICS_CQL_KEYSPACE": "rookery_analytics",
    "ANALYTICS_S3_ENDPOINT": "http://127.0.0.1:7070",
    "ANALYTICS_S3_ACCESS_KEY": "analytics",
    "ANALYTICS_S3_SECRET_KEY": "analytics-secret",
    "ANALYTICS_S3_BUCKET": "analytics",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What analytics must be told, and nothing else."""
    for name, value in {**REQUIRED, "ANALYTICS_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
