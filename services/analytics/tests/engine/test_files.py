"""Files made and stored by their own process, and what is said when they can't be."""

from __future__ import annotations

from typing import Any

import pytest

from analytics_service.errors import NotStored
from analytics_service.repository.files import FileStore
from rookery_common.config import S3Settings
from rookery_common.errors import NotFound


async def test_a_stored_file_is_read_back_by_its_digest(files: Any, row: Any) -> None:
    stored = await files.store({"events/a": [row(3), row(4)], "events/b": [row(5)]})
    assert await files.read("events/a", stored["events/a"].sha256) == [3, 4]
    assert await files.read("events/b", stored["events/a"].sha256) is None
    assert await files.store({"events/a": [row(3), row(4)]}) == {"events/a": stored["events/a"]}
    with pytest.raises(NotFound):
        await files.read("events/c", "")


async def test_without_the_store_files_wait(s3_settings: S3Settings, row: Any) -> None:
    away = s3_settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})
    with pytest.raises(NotStored, match="status 75"):
        await FileStore(away).store({"events/a": [row(1)]})
