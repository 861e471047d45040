"""Videos and audio, made for tests."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction

import av
from av.container import OutputContainer
from PIL import Image

SECRET = b"SECRET"
SAMPLES = 48_000
_METADATA = {"title": "SECRET", "location": "+48.2082+16.3738/", "comment": "SECRET", "artist": "SECRET"}


def recording(
    form: str,
    video: str = "",
    audio: str = "",
    *,
    seconds: int = 1,
    size: tuple[int, int] = (320, 180),
    rate: int = 30,
    pixels: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    rotation: int = 0,
    tracks: int = 1,
) -> bytes:
    """A file of FFmpeg's format with these codecs, whose metadata says SECRET and where it was made. Its picture is red
    above and blue below."""
    written = io.BytesIO()
    with av.open(written, "w", format=form, container_options=dict(options or {})) as target:
        target.metadata.update(_METADATA)
        pictures = _pictures(target, video, size, rate, pixels) if video else None
        sounds = [_sounds(target, audio) for _ in range(tracks if audio else 0)]
        if pictures is not None:
            for number in range(seconds * rate):
                frame = av.VideoFrame.from_image(flag(size)).reformat(format=pixels)  # type: ignore[no-untyped-call]
                frame.pts, frame.time_base = number, Fraction(1, rate)
                target.mux(pictures.encode(frame))
            target.mux(pictures.encode())
        for sound in sounds:
            samples = sound.codec_context.frame_size or 1024
            for number in range(seconds * SAMPLES // samples):
                target.mux(sound.encode(_silence(sound, samples, number)))
            target.mux(sound.encode())
    made = written.getvalue()
    return turned(made, rotation) if rotation else made


def _pictures(target: OutputContainer, codec: str, size: tuple[int, int], rate: int, pixels: str) -> av.VideoStream:
    stream = target.add_stream(codec, rate=rate, options={"tune": "zerolatency"} if codec == "libx264" else {})
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = *size, pixels
    stream.metadata.update(_METADATA)
    return stream


def _sounds(target: OutputContainer, codec: str) -> av.AudioStream:
    strict = {"strict": "experimental"} if codec == "vorbis" else {}
    stream = target.add_stream(codec, rate=SAMPLES, layout="stereo", options=strict)
    assert isinstance(stream, av.AudioStream)
    return stream


def _silence(sound: av.AudioStream, samples: int, number: int) -> av.AudioFrame:
    frame = av.AudioFrame(format=sound.codec_context.format.name, layout="stereo", samples=samples)
    frame.sample_rate, frame.pts = SAMPLES, number * samples
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def flag(size: tuple[int, int]) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", size, (200, 0, 0))
    image.paste((0, 0, 200), (0, size[1] // 2, *size))
    return image


def turned(data: bytes, degrees: int) -> bytes:
    """An MP4 of one video that says that it lies on its side, as telephones do: by the matrix in its track's header."""
    one, no = (1 << 16).to_bytes(4, "big"), bytes(4)
    minus, deep = (-1 << 16).to_bytes(4, "big", signed=True), (1 << 30).to_bytes(4, "big")
    upright = one + no + no + no + one + no + no + no + deep
    matrix = {90: no + one + no + minus + no + no, 180: minus + no + no + no + minus + no}[degrees] + no + no + deep
    start = data.index(upright, data.index(b"tkhd"))
    return data[:start] + matrix + data[start + len(matrix) :]
