"""Worker processes: real ones, since what they are for is to be ended."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import psutil
import pytest
import pytest_asyncio
from PIL import Image

from post_service.errors import BrokenFile, FileTooLarge
from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers


def jpeg(side: int = 100) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (10, 120, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def workers_running() -> list[psutil.Process]:
    running = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "post_service.imaging.worker" in child.cmdline():
                running.append(child)
    return running


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[ImageWorkers]:
    pool = ImageWorkers(2, idle_seconds=60, job_seconds=60)
    await pool.start()
    yield pool
    await pool.stop()
    assert workers_running() == []


async def test_a_worker_starts_when_needed_is_used_again_and_gets_over_a_bad_file(workers: ImageWorkers) -> None:
    assert workers_running() == []
    assert (await workers.process(jpeg(), Kind.JPEG)).content_type == "image/jpeg"
    with pytest.raises(BrokenFile):
        await workers.process(jpeg()[:200], Kind.JPEG)
    assert (await workers.process(jpeg(), Kind.JPEG)).extension == "jpg"
    assert len(workers_running()) == 1


async def test_a_worker_has_nothing_of_our_environment(workers: ImageWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POST_MASTER_KEY", "secret")
    await workers.process(jpeg(), Kind.JPEG)
    (worker,) = workers_running()
    assert "POST_MASTER_KEY" in os.environ
    assert set(worker.environ()) <= {"PYTHONPATH", "LC_CTYPE"}


def kill_next_worker() -> None:
    """Waits for a worker, and kills it before it can have done its picture."""
    while not (running := workers_running()):
        time.sleep(0.001)
    for worker in running:
        worker.kill()
    psutil.wait_procs(running, 30)


async def test_a_picture_whose_worker_dies_is_given_to_another(workers: ImageWorkers) -> None:
    large = asyncio.create_task(workers.process(jpeg(side=6000), Kind.JPEG))
    await asyncio.to_thread(kill_next_worker)
    assert (await large).extension == "jpg"


async def test_a_picture_that_kills_two_workers_is_refused_and_takes_no_other_along(workers: ImageWorkers) -> None:
    doomed = asyncio.create_task(workers.process(jpeg(side=6000), Kind.JPEG))
    await asyncio.to_thread(kill_next_worker)
    await asyncio.to_thread(kill_next_worker)
    with pytest.raises(BrokenFile):
        await doomed
    assert (await workers.process(jpeg(), Kind.JPEG)).extension == "jpg"


async def test_a_worker_that_dies_idle_takes_no_picture_along(workers: ImageWorkers) -> None:
    await workers.process(jpeg(), Kind.JPEG)
    (idle,) = workers_running()
    idle.kill()
    await asyncio.to_thread(psutil.wait_procs, [idle], 30)
    await asyncio.sleep(0.1)  # the event loop is told a moment later
    assert (await workers.process(jpeg(), Kind.JPEG)).extension == "jpg"


async def test_a_picture_that_takes_too_long_ends_its_worker() -> None:
    pool = ImageWorkers(1, job_seconds=0)
    with pytest.raises(FileTooLarge, match="too long"):
        await pool.process(jpeg(), Kind.JPEG)
    await pool.stop()
    assert workers_running() == []


async def test_an_idle_worker_ends() -> None:
    pool = ImageWorkers(1, idle_seconds=0.01)
    await pool.process(jpeg(), Kind.JPEG)
    _, alive = await asyncio.to_thread(psutil.wait_procs, workers_running(), 30)
    assert alive == []
    await pool.stop()
