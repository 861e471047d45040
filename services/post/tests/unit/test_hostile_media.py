"""Some 300 files that mean harm, through a real worker: each is a plain picture then, or refused; none is a crash."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import av
import psutil
from PIL import Image

from post_service.errors import BrokenFile, FileTooLarge, UnsupportedType
from post_service.imaging.formats import check_kind
from post_service.imaging.pool import ImageWorkers
from post_service.models import ProcessedMedia

PAYLOAD = b"<script>alert(document.domain)</script>"
PEAK_BYTES = 300 * 1024 * 1024
REFUSED = (BrokenFile, FileTooLarge, UnsupportedType)
GPS = 0x8825


class File(NamedTuple):
    """A file as it is uploaded."""

    what: str
    data: bytes
    content_type: str = ""
    filename: str = "file"


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> dict[str, bytes]:
    """One of each kind that is accepted, and one that moves."""
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    frames = [image.rotate(angle) for angle in (30, 60)]
    found = {kind: saved(image, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF")}
    return found | {"moving GIF": saved(image, "GIF", save_all=True, append_images=frames)}


def truncated() -> Iterator[File]:
    for kind, data in pictures().items():
        for part in range(1, 17):
            yield File(f"{kind} cut off at {part}/17", data[: len(data) * part // 17])


def damaged() -> Iterator[File]:
    chance = random.Random(1)  # The same damage each time.
    for kind, data in pictures().items():
        for number in range(20):
            broken = bytearray(data)
            for _ in range(1 + number):
                broken[chance.randrange(12, len(broken))] = chance.randrange(256)
            yield File(f"{kind} with {number + 1} wrong bytes", bytes(broken))


def polyglots() -> Iterator[File]:
    for kind, data in pictures().items():
        yield File(f"{kind} and HTML", data + PAYLOAD)
        yield File(f"{kind} and a ZIP", data + b"PK\x05\x06" + bytes(18) + PAYLOAD)
        yield File(f"{kind} and a PDF", data + b"%PDF-1.7\n" + PAYLOAD)
        yield File(f"HTML and {kind}", PAYLOAD + data)
    image = Image.new("RGB", (8, 8))
    yield File("GIF with a script as its comment", saved(image, "GIF", comment=PAYLOAD))
    yield File("JPEG with a script as its comment", saved(image, "JPEG", comment=PAYLOAD))
    exif = Image.Exif()
    exif[0x010E], exif[0x010F] = PAYLOAD.decode(), "Rookery"
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 1.0)})
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        yield File(f"{kind} that says where it was taken", saved(image, kind, exif=exif))


def pretenders() -> Iterator[File]:
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">' + PAYLOAD + b"</svg>"
    others = {
        "SVG": svg,
        "HTML": b"<!doctype html>" + PAYLOAD,
        "PDF": b"%PDF-1.7\n" + PAYLOAD,
        "ELF": b"\x7fELF\x02\x01\x01" + bytes(64),
        "ZIP": b"PK\x03\x04" + bytes(64),
        "TIFF": saved(Image.new("RGB", (8, 8)), "TIFF"),
        "BMP": saved(Image.new("RGB", (8, 8)), "BMP"),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "nothing but zeros": bytes(4096),
    }
    for what, data in others.items():
        for content_type, filename in (("image/png", "a.png"), ("image/svg+xml", "a.svg"), ("", "a.jpg")):
            yield File(f"{what} as {content_type or filename}", data, content_type, filename)
    for kind, data in pictures().items():
        claimed = "image/png" if kind != "PNG" else "image/jpeg"
        yield File(f"{kind} as {claimed}", data, claimed)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, body: bytes, *, before: bytes = b"", colours: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def gif(frames: int, side: int = 1) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes((0, 0, 0, 255, 255, 255))
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def bombs() -> Iterator[File]:
    for width, height in ((100_000, 100_000), (2**31 - 1, 1), (1, 2**31 - 1), (0, 0), (7_000, 7_000)):
        yield File(f"PNG of {width}x{height}", png(width, height, bytes(1000)))
    clear = bytes(6_300 * (6_300 * 4 + 1))
    yield File("PNG of 39 million transparent pixels in 200 KB", png(6_300, 6_300, clear, colours=6))
    yield File("PNG with far more data than pixels", png(10, 10, bytes(50_000_000)))
    note = b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)
    yield File("PNG with a note of 50 MB", png(8, 8, bytes(8 * 25), before=chunk(b"zTXt", note)))
    profile = b"icc\0\0" + zlib.compress(bytes(50_000_000), 9)
    yield File("PNG with a profile of 50 MB", png(8, 8, bytes(8 * 25), before=chunk(b"iCCP", profile)))
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield File("PNG with two thousand million frames", png(8, 8, bytes(8 * 25), before=frames))
    yield File("GIF of 100,000 frames", gif(100_000))
    yield File("GIF of 501 frames", gif(501))
    yield File("GIF of 65,535x65,535", gif(2, 65_535))
    large = bytearray(saved(Image.new("L", (8, 8)), "JPEG"))
    start = large.index(b"\xff\xc0") + 5
    large[start : start + 4] = struct.pack(">HH", 65_535, 65_535)
    yield File("JPEG that says 65,535x65,535", bytes(large))
    webp = b"VP8X" + struct.pack("<IB3x", 10, 0) + b"\xff\xff\xff" * 2
    yield File("WebP that says 16,777,216x16,777,216", b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp)


BOMBS = list(bombs())
FILES = [*truncated(), *damaged(), *polyglots(), *pretenders(), *BOMBS]


def peaks() -> list[int]:
    """The most memory that each worker has had at once."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess, FileNotFoundError):  # It has ended meanwhile.
            if "post_service.imaging.worker" in child.cmdline():
                status = Path(f"/proc/{child.pid}/status").read_text()
                [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
                found.append(int(line.split()[1]) * 1024)
    return found


async def outcome(workers: ImageWorkers, file: File) -> ProcessedMedia | None:
    """The picture that is stored; None where the file was refused with a reason."""
    try:
        return await workers.process(file.data, check_kind(file.data, file.content_type, file.filename))
    except REFUSED:
        return None


async def test_hostile_files_become_plain_pictures_or_are_refused() -> None:
    assert len(FILES) > 290
    workers, too_large, stored = ImageWorkers(1, job_seconds=60), [], 0
    try:
        for number, file in enumerate(FILES):
            image = await outcome(workers, file)
            if file in BOMBS or number % 20 == 0:  # It costs more than most of the files.
                too_large += [(file.what, peak) for peak in peaks() if peak > PEAK_BYTES]
            if image is not None:
                stored += 1
                check_plain(file, image)
    finally:
        await workers.stop()
    assert too_large == []
    assert stored > 30


def check_plain(file: File, image: ProcessedMedia) -> None:
    """Decodes as what it is said to be, to the last byte, and says nothing beside its pixels."""
    files = [(image.small, image.small_content_type)]
    if image.playback is None:
        files.append((image.original, image.content_type))
    else:
        with av.open(io.BytesIO(image.original), "r") as film:
            assert len([*film.decode(video=0)]) > 0, file.what
    for data, content_type in files:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            assert Image.MIME[opened.format or ""] == content_type, file.what
            assert not opened.getexif(), file.what
        assert PAYLOAD not in data, file.what
