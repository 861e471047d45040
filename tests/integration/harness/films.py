"""Videos, made here."""

from __future__ import annotations

import io
from fractions import Fraction

import av
from PIL import Image

RATE = 25


def film(seconds: int = 2, size: tuple[int, int] = (320, 180)) -> bytes:
    """An MP4 whose picture grows lighter."""
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (number % 256, 80, 120)))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return written.getvalue()
