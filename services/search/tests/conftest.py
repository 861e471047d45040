from __future__ import annotations

import pytest

from rookery_common.testing.process import random_master_key

REQUIRED = {
    "SEARCH_ELASTICSEARCH_URL": "http://127.0.0.1:9200",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What search must be told, and nothing else."""
    for name, value in {**REQUIRED, "SEARCH_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
