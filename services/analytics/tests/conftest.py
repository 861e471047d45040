from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from analytics_service.models import ArchivedEvent, Measure, Observation, Width
from analytics_service.repository.manifest import Manifest
from analytics_service.repository.windows import CountedEvents, WindowRepository
from analytics_service.service.archiving import Archiving
from analytics_service.service.counting import Counting
from analytics_service.service.measures import MeasureReader
from rookery_common.testing import FakeClock
from rookery_common.testing.process import random_master_key

REQUIRED = {
    "ANALYTICS_CQL_KEYSPACE": "rookery_analytics",
    "ANALYTICS_S3_ENDPOINT": "http://127.0.0.1:7070",
    "ANALYTICS_S3_ACCESS_KEY": "analytics",
    "ANALYTICS_S3_SECRET_KEY": "analytics-secret",
    "ANALYTICS_S3_BUCKET": "analytics",
}
Observe = Callable[..., Observation]
ArchiveRow = Callable[..., ArchivedEvent]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What analytics must be told, and nothing else."""
    for name, value in {**REQUIRED, "ANALYTICS_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def observe(clock: FakeClock) -> Observe:
    """An event of now at an offset; its id goes with its source and offset unless it is given."""

    def make(
        offset: int, *measures: Measure, source: str = "post.events.v1/0", account_id: int = 0, **given: Any
    ) -> Observation:
        number = given.get("event", f"{source}:{offset}")
        return Observation(
            event_id=f"00000000-0000-4000-8000-{abs(hash_of(number)):012x}",
            source=source,
            offset=offset,
            at_seconds=int((clock.now() + given.get("later", timedelta())).timestamp()),
            measures=frozenset(measures or (Measure.NEW_POSTS,)),
            account_id=account_id,
        )

    return make


def hash_of(text: str) -> int:
    """Of twelve hexadecimal digits, the same in every run."""
    return int.from_bytes(text.encode()[-20:].rjust(20, b"0"), "big") % (16**12)


@pytest.fixture
def row() -> ArchiveRow:
    """An event of the archive."""

    def make(offset: int, *, topic: str = "post.events.v1", partition: int = 0) -> ArchivedEvent:
        return ArchivedEvent(
            topic=topic,
            partition=partition,
            offset=offset,
            event_id=f"00000000-0000-4000-8000-{offset:012x}",
            type="rookery.post.v1.PostCreated",
            source="post",
            key=str(offset),
            aggregate_id=str(offset),
            version=1,
            occurred_ms=1_772_366_400_000,
            facts='{"post":{"post_id":1}}',
        )

    return make


@pytest.fixture
def counting(windows: WindowRepository, counted: CountedEvents, clock: FakeClock) -> Counting:
    return Counting(windows, counted, clock)


@pytest.fixture
def reader(windows: WindowRepository) -> MeasureReader:
    return MeasureReader(windows)


@pytest.fixture
def archiving(manifest: Manifest, files: Any) -> Archiving:
    return Archiving(manifest, files)


@pytest.fixture
def total(windows: WindowRepository, clock: FakeClock) -> Callable[..., Any]:
    """What sources added to the current window of a measure, together."""

    async def read(measure: Measure = Measure.NEW_POSTS, width: Width = Width.MINUTE) -> int:
        number = int(clock.now().timestamp()) // width
        return sum(row.value for row in await windows.list(measure, width, number, number))

    return read
