"""Animations as videos: a tenth of the bytes, and of the work to show them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import av
from av import Packet, VideoStream
from PIL import Image, ImageSequence

from post_service.imaging.pipeline import duration_of, fit, preview
from post_service.models import Dimensions, MediaType, Playback, ProcessedMedia

VIDEO_PIXELS: Final = 1920 * 1080
MILLISECOND: Final = Fraction(1, 1000)
MOOV_BYTES: Final = 128 * 1024
"""For the index of some hundred frames, which stands before them."""
# One thread and no look ahead: few pictures are held at once.
_OPTIONS: Final = {"preset": "veryfast", "crf": "21", "bf": "0", "threads": "1", "rc-lookahead": "0", "ref": "1"}


def video_of(image: Image.Image) -> ProcessedMedia | None:
    """An MP4 of all frames, which has no sound; None where something shines through one of them."""
    size, written = _even(fit(image.size, VIDEO_PIXELS)), io.BytesIO()
    first: Image.Image | None = None
    shown_for: dict[int, int] = {}
    at = 0
    options = {"fflags": "+bitexact", "moov_size": str(MOOV_BYTES)}
    with av.open(written, "w", format="mp4", container_options=options) as target:
        stream = target.add_stream("libx264", options=_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        for frame in ImageSequence.Iterator(image):
            shown = _opaque(frame, size)
            if shown is None:
                return None
            first = first or shown
            picture = av.VideoFrame.from_image(shown)  # type: ignore[no-untyped-call] # typed where Pillow is
            picture.pts, picture.time_base = at, MILLISECOND
            shown_for[at] = duration_of(frame)
            at += shown_for[at]
            target.mux(_timed(stream.encode(picture), shown_for))
        target.mux(_timed(stream.encode(None), shown_for))
    assert first is not None  # noqa: S101 - it has more than one frame
    return _processed(written.getvalue(), first, list(shown_for.values()))


def _opaque(frame: Image.Image, size: tuple[int, int]) -> Image.Image | None:
    if frame.has_transparency_data and frame.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        return None
    plain = frame.convert("RGB")
    return plain if plain.size == size else plain.resize(size, Image.Resampling.LANCZOS)


def _timed(packets: Iterable[Packet[VideoStream]], shown_for: Mapping[int, int]) -> list[Packet[VideoStream]]:
    """Each with how long it is shown, which the last one would not have otherwise."""
    timed = list(packets)
    for packet in timed:
        packet.duration = shown_for.get(packet.pts or 0, 0)
    return timed


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """As H.264 needs it."""
    width, height = (max(2, side - side % 2) for side in size)
    return width, height


def _processed(data: bytes, first: Image.Image, durations: Sequence[int]) -> ProcessedMedia:
    milliseconds = sum(durations)
    rate = Fraction(len(durations) * 1000, milliseconds)
    made = preview(first)
    return ProcessedMedia(
        "video/mp4",
        "mp4",
        data,
        Dimensions(*first.size),
        made.content_type,
        made.extension,
        made.data,
        made.size,
        made.blurhash,
        Playback(
            MediaType.GIFV, milliseconds, len(data) * 8000 // milliseconds, f"{rate.numerator}/{rate.denominator}"
        ),
    )
