"""What the costliest pictures cost a real worker: little enough, whatever their format, so that none is a weapon."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import psutil
import pytest
import pytest_asyncio
from PIL import Image

from post_service.imaging.formats import Kind
from post_service.imaging.pool import ImageWorkers
from post_service.models import MAX_UPLOAD_BYTES

PEAK_BYTES = 300 * 1024 * 1024
CPU_SECONDS = 2.0
Made = Callable[[], bytes]


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[ImageWorkers]:
    pool = ImageWorkers(1, job_seconds=60)
    yield pool
    await pool.stop()


def noise(size: tuple[int, int], grain: int, *, alpha: bool = False) -> Image.Image:
    """Nothing that an encoder could foresee, in squares of so many pixels."""
    small = (max(1, size[0] // grain), max(1, size[1] // grain))
    mode = "RGBA" if alpha else "RGB"
    return Image.frombytes(mode, small, Random(1).randbytes(small[0] * small[1] * len(mode))).resize(
        size, Image.Resampling.NEAREST
    )


def still(kind: str, size: tuple[int, int], grain: int, *, alpha: bool = False, **options: object) -> Made:
    def make() -> bytes:
        written = io.BytesIO()
        noise(size, grain, alpha=alpha).save(written, kind, **options)
        return written.getvalue()

    return make


def moving(kind: str, frames: int, size: tuple[int, int], grain: int, **options: object) -> Made:
    def make() -> bytes:
        first = noise(size, grain)
        rest = [first.transpose(Image.Transpose(turn % 2)).rotate(turn % 7) for turn in range(1, frames)]
        written = io.BytesIO()
        first.save(written, kind, save_all=True, append_images=rest, **options)
        return written.getvalue()

    return make


LARGEST: list[tuple[str, Kind, Made]] = [
    ("WebP", Kind.WEBP, still("WEBP", (4000, 3000), 4, method=0, quality=60)),
    ("WebP with transparency", Kind.WEBP, still("WEBP", (4000, 3000), 4, alpha=True, method=0, quality=60)),
    ("lossless WebP", Kind.WEBP, still("WEBP", (4000, 3000), 4, alpha=True, lossless=True, quality=0, method=0)),
    ("WebP as large as it is stored", Kind.WEBP, still("WEBP", (3840, 2160), 3, method=0, quality=60)),
    ("AVIF", Kind.AVIF, still("AVIF", (4000, 3000), 4, speed=10, quality=60)),
    ("AVIF with transparency", Kind.AVIF, still("AVIF", (4000, 3000), 4, alpha=True, speed=10, quality=60)),
    ("JPEG", Kind.JPEG, still("JPEG", (6320, 6320), 6, quality=75)),
    ("progressive JPEG", Kind.JPEG, still("JPEG", (6320, 6320), 4, quality=75, progressive=True)),
    ("PNG", Kind.PNG, still("PNG", (6320, 6320), 20, compress_level=6)),
    ("PNG with transparency", Kind.PNG, still("PNG", (6320, 6320), 24, alpha=True, compress_level=6)),
    ("GIF of many frames", Kind.GIF, moving("GIF", 500, (282, 282), 16)),
    ("GIF of few frames", Kind.GIF, moving("GIF", 4, (3000, 3000), 10)),
    ("WebP of many frames", Kind.WEBP, moving("WEBP", 125, (282, 282), 3, method=0, quality=60)),
    ("PNG of many frames", Kind.PNG, moving("PNG", 200, (282, 282), 6, compress_level=1)),
]


def peak_of(worker: psutil.Process) -> int:
    """The most memory that it has had at once."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    [line] = [each for each in status.splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(("what", "kind", "make"), LARGEST, ids=[what for what, *_ in LARGEST])
async def test_the_costliest_of_its_kind_costs_little(
    workers: ImageWorkers, what: str, kind: Kind, make: Made, record_property: Callable[[str, object], None]
) -> None:
    data = make()
    assert len(data) <= MAX_UPLOAD_BYTES, what
    await workers.process(still("PNG", (8, 8), 1)(), Kind.PNG)  # A worker that has its libraries.
    [worker] = [each for each in psutil.Process().children() if "post_service.imaging.worker" in each.cmdline()]
    before = worker.cpu_times()
    await workers.process(data, kind)
    after = worker.cpu_times()
    seconds, peak = after.user + after.system - before.user - before.system, peak_of(worker)
    record_property("cpu_seconds", round(seconds, 2))
    record_property("peak_bytes", peak)
    print(f"{what}: {len(data) / 1e6:.1f} MB, {seconds:.2f} s, {peak >> 20} MiB")  # noqa: T201
    assert seconds < CPU_SECONDS
    assert peak < PEAK_BYTES
