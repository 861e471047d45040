"""Videos and audio that mean harm, through a real worker: each is stored as what it is, or refused; none is a crash."""

from __future__ import annotations

import asyncio
import io
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import NamedTuple

import av
import psutil
import pytest
import pytest_asyncio
from post_fakes.recordings import recording

from post_service.errors import BrokenFile, FileTooLarge, UnsupportedType
from post_service.imaging.formats import Kind, check_kind
from post_service.imaging.pool import ImageWorkers
from post_service.models import ProcessedMedia

REFUSED = (BrokenFile, FileTooLarge, UnsupportedType)
PEAK_BYTES = 300 * 1024 * 1024
CPU_SECONDS = 2.0
PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"})
HARMLESS = (
    "MP4 that says 65,535x65,535",  # Its stream says 320x180, which counts.
    "MP4 in an MP4",
    "MP4 of 30,000 boxes in each other",
    "video of 3840x2160",
)
Boxes = list[tuple[bytes, bytes]]


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[ImageWorkers]:
    pool = ImageWorkers(1, job_seconds=20)
    yield pool
    await pool.stop()


@cache
def recordings() -> dict[str, bytes]:
    """One of each kind that is accepted."""
    return {
        "MP4": recording("mp4", "libx264", "aac"),
        "WebM": recording("webm", "libvpx", "libopus"),
        "MP3": recording("mp3", "", "libmp3lame"),
        "Ogg": recording("ogg", "", "libopus"),
        "FLAC": recording("flac", "", "flac"),
        "WAV": recording("wav", "", "pcm_s16le"),
        "M4A": recording("ipod", "", "aac"),
    }


def boxes(data: bytes) -> Boxes:
    """What a part of an MP4 consists of."""
    found, position = [], 0
    while position + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        found.append((name, data[position + 8 : position + size]))
        position += size
    return found


def rewritten(data: bytes, name: bytes, change: Callable[[bytes], list[bytes]]) -> bytes:
    """An MP4 with other contents of the boxes of this name: as many for each as the change says."""
    made = b""
    for kind, content in boxes(data):
        if kind == name:
            contents = change(content)
        else:
            contents = [rewritten(content, name, change) if kind in PARENTS else content]
        made += b"".join(struct.pack(">I4s", len(each) + 8, kind) + each for each in contents)
    return made


def elsewhere(url: bytes) -> bytes:
    """An MP4 whose content is said to be at another address."""
    there = struct.pack(">I4sI", 13 + len(url), b"url ", 0) + url + b"\0"
    return rewritten(recordings()["MP4"], b"dref", lambda _: [struct.pack(">II", 0, 1) + there])


class File(NamedTuple):
    """A file as it is uploaded."""

    what: str
    data: bytes


def damaged() -> Iterator[File]:
    chance = random.Random(1)  # The same damage each time.
    for kind, data in recordings().items():
        for part in range(1, 11):
            yield File(f"{kind} cut off at {part}/11", data[: len(data) * part // 11])
        for number in range(12):
            broken = bytearray(data)
            for _ in range(1 + 2 * number):
                broken[chance.randrange(12, len(broken))] = chance.randrange(256)
            yield File(f"{kind} with {2 * number + 1} wrong bytes", bytes(broken))
        yield File(f"{kind} and then zeros", data + bytes(100_000))


def bombs() -> Iterator[File]:
    film = recordings()["MP4"]
    yield File("MP4 of 3,000 streams", rewritten(film, b"trak", lambda track: [track] * 1500))
    yield File("MP4 that says 65,535x65,535", film.replace(struct.pack(">HH", 320, 180), b"\xff" * 4))
    endless = struct.pack(">IIII", 0, 1, 30, 0x7FFFFFFF)
    yield File("MP4 whose frames last for weeks", rewritten(film, b"stts", lambda _: [endless]))
    many = struct.pack(">IIII", 0, 1, 0xFFFFFFFF, 1)
    yield File("MP4 of four thousand million frames", rewritten(film, b"stts", lambda _: [many]))
    samples = struct.pack(">III", 0, 1, 0x7FFFFFFF)
    yield File("MP4 of two thousand million samples of a byte", rewritten(film, b"stsz", lambda _: [samples]))
    yield File("MP4 in an MP4", film + film)
    yield File("MP4 of 30,000 boxes in each other", film + struct.pack(">I4s", 0x7FFFFFFF, b"moov") * 30_000)
    wave = bytearray(recordings()["WAV"])
    struct.pack_into("<HIIH", wave, 22, 65_535, 0xFFFFFFFF, 0xFFFFFFFF, 65_535)
    yield File("WAV of 65,535 channels", bytes(wave))
    yield File("Ogg of 5,000 streams", b"".join(page(number) for number in range(5_000)))
    yield File("MP3 of silence for two hours", mp3_frames(2 * 3600))
    yield File("video of 3840x2160", recording("mp4", "libx264", rate=2, size=(3840, 2160)))
    yield File("video of 8192x4320", recording("mp4", "libx264", rate=1, size=(8192, 4320)))


def page(serial: int) -> bytes:
    """The first page of a stream in an Ogg, without a valid checksum."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48_000, 0, 0)
    return b"OggS" + struct.pack("<BBqIIIBB", 0, 2, 0, serial, 0, 0, 1, len(head)) + head


def mp3_frames(seconds: int) -> bytes:
    """Frames of 32 kbit/s at 32 kHz, 36 ms each."""
    return (b"\xff\xfb\x18\xc0" + bytes(140)) * (seconds * 1000 // 36)


async def outcome(workers: ImageWorkers, data: bytes) -> ProcessedMedia | None:
    """What is stored; None where the file was refused with a reason."""
    try:
        return await workers.process(data, check_kind(data, "", ""))
    except REFUSED:
        return None


async def test_hostile_files_are_stored_as_what_they_are_or_refused(workers: ImageWorkers) -> None:
    stored, files = 0, list(damaged())
    assert len(files) > 150
    for file in files:
        made = await outcome(workers, file.data)
        if made is not None:
            stored += 1
            assert made.playback is not None, file.what
            with av.open(io.BytesIO(made.original), "r") as opened:  # Whole, whatever can be heard and seen of it.
                assert len(opened.streams) in (1, 2), file.what
    assert stored > 30


def worker() -> psutil.Process:
    [found] = [each for each in psutil.Process().children() if "post_service.imaging.worker" in each.cmdline()]
    return found


def peak(process: psutil.Process) -> int:
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("file", list(bombs()), ids=lambda file: file.what)
async def test_a_bomb_costs_little(workers: ImageWorkers, file: File) -> None:
    await workers.process(recordings()["MP4"], Kind.MP4)  # A worker that has its libraries.
    process = worker()
    before = process.cpu_times()
    made = await outcome(workers, file.data)
    after = process.cpu_times()
    assert (made is not None) is (file.what in HARMLESS)
    assert after.user + after.system - before.user - before.system < CPU_SECONDS
    assert peak(process) < PEAK_BYTES


async def test_a_file_can_not_make_a_worker_open_another(workers: ImageWorkers) -> None:
    called = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        for url in (
            f"http://127.0.0.1:{port}/a.mp4",
            f"tcp://127.0.0.1:{port}",
            "file:///proc/self/environ",
            "concat:/etc/passwd",
        ):
            await outcome(workers, elsewhere(url.encode()))
            list_of_others = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n".encode()
            for disguise in (list_of_others, b"ID3" + list_of_others, b"\0\0\0\x18ftypmp42" + list_of_others):
                assert await outcome(workers, disguise) is None
        assert not called.is_set()
    finally:
        server.close()
        await server.wait_closed()
