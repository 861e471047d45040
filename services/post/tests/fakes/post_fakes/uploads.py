"""Rules about uploads, over fakes or engines: fixtures that conftest.py hands on."""

from __future__ import annotations

import pytest

from post_service.events import PostEvents
from post_service.imaging.pool import ImageWorkers
from post_service.repository.media import MediaRepository
from post_service.repository.unfinished_media import UnfinishedMediaRepository
from post_service.service.accept_media import MediaQueue
from post_service.service.media import MediaLibrary
from post_service.service.media_files import MediaFiles
from post_service.service.process_media import MediaProcessing
from post_service.versions import HybridClock
from rookery_common.clients.s3_parts import S3Parts
from rookery_common.testing import FakeClock, FakeIds


@pytest.fixture
def library(
    media: MediaRepository,
    unfinished: UnfinishedMediaRepository,
    objects: S3Parts,
    workers: ImageWorkers,
    events: PostEvents,
    ids: FakeIds,
    versions: HybridClock,
    clock: FakeClock,
) -> MediaLibrary:
    queue = MediaQueue(unfinished, objects, events, clock)
    return MediaLibrary(media, MediaFiles(media, objects, clock), workers, queue, ids, versions)


@pytest.fixture
def processing(
    media: MediaRepository,
    unfinished: UnfinishedMediaRepository,
    objects: S3Parts,
    workers: ImageWorkers,
    clock: FakeClock,
) -> MediaProcessing:
    made = MediaFiles(media, objects, clock)
    return MediaProcessing(media, unfinished, objects, made, workers, clock, 2)
