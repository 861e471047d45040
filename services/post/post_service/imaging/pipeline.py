"""Decodes a picture and encodes it anew: upright, in sRGB, without metadata, within the stored sizes.

Runs in a worker process: the bytes are a stranger's.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import blurhash
from PIL import ExifTags, Image, ImageCms, ImageOps, ImageSequence

from post_service.imaging.formats import Kind
from post_service.models import Dimensions, ProcessedMedia, Purpose

MAX_PIXELS: Final = 40_000_000
MAX_PIXELS_OF: Final = {Kind.WEBP: 12_000_000, Kind.AVIF: 12_000_000}
"""Their decoders take some 17 bytes for a pixel, three times as many as the others."""
MOVING_PIXELS: Final = {Kind.GIF: 16_000_000, Kind.PNG: 16_000_000, Kind.WEBP: 10_000_000}
"""In all frames of what stays an animation: to encode them takes long."""
LARGE_PIXELS: Final = 4_000_000
CLEAR_PIXELS: Final = 2400 * 1800
"""Of a WebP or AVIF with transparency as it is stored: encoders take up to 50 bytes a pixel, and long."""
ORIGINAL_PIXELS: Final = 3840 * 2160
SMALL_PIXELS: Final = 640 * 360
MAX_FRAMES: Final = 500
MAX_SIDE: Final = 16_383  # WebP's own limit
QUALITY: Final = 90
BAND_ROWS: Final = 128
LANCZOS_REACH: Final = 3
BLURHASH_SIDE: Final = 24
BLURHASH_COMPONENTS: Final = 4
CUTS: Final = {Purpose.AVATAR: (400, 400), Purpose.HEADER: (1500, 500)}

_TYPES = {
    Kind.JPEG: ("image/jpeg", "jpg"),
    Kind.PNG: ("image/png", "png"),
    Kind.GIF: ("image/gif", "gif"),
    Kind.WEBP: ("image/webp", "webp"),
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OPTIONS: dict[Kind, dict[str, object]] = {
    Kind.JPEG: {"quality": QUALITY, "progressive": True},
    Kind.PNG: {"compress_level": 6},
    Kind.WEBP: {"quality": QUALITY, "method": 4},
}
# Half the time for a twentieth more bytes.
_LARGE_OPTIONS: dict[Kind, dict[str, object]] = {
    **_OPTIONS,
    Kind.PNG: {"compress_level": 2},
    Kind.WEBP: {"quality": QUALITY, "method": 1},
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown until the file itself is there."""

    content_type: str
    extension: str
    data: bytes
    size: Dimensions
    blurhash: str


class TooMuch(Exception):
    """More to decode than is allowed; says what, for people."""


class CannotBePlayed(Exception):
    """Of a format or codec that not everybody can play; says what, for people."""


def process_image(data: bytes, kind: Kind, purpose: Purpose = Purpose.POST) -> ProcessedMedia:
    """Raises TooMuch before anything large is decoded, and whatever the decoder raises for broken content.

    A profile's pictures are cut around their middle, and stand still.
    """
    if purpose is Purpose.POST and (frames := _count(data, kind)) > 1:
        with _open(data, kind) as image:
            return _process_animation(image, kind, frames)
    return _process_still(data, kind, CUTS.get(purpose))


def _count(data: bytes, kind: Kind) -> int:
    """How many frames it has."""
    if kind not in (Kind.GIF, Kind.PNG, Kind.WEBP):
        return 1
    with _open(data, kind) as image:
        return getattr(image, "n_frames", 1)


def _open(data: bytes, kind: Kind) -> Image.Image:
    pixels = MAX_PIXELS_OF.get(kind, MAX_PIXELS)
    limit = f"must have at most {pixels // 1_000_000} million pixels"
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooMuch(limit) from None
    if image.width * image.height > pixels:
        image.close()
        raise TooMuch(limit)
    return image


def _process_still(data: bytes, kind: Kind, cut: tuple[int, int] | None) -> ProcessedMedia:
    plain = _upright(data, kind, cut)
    original = ImageOps.fit(plain, cut, Image.Resampling.LANCZOS) if cut else plain
    small = _resized(original, SMALL_PIXELS)
    stored = _stored_kind(kind, original)
    return _processed(*_TYPES[stored], _encoded(original, stored), original, small)


def _upright(data: bytes, kind: Kind, cut: tuple[int, int] | None) -> Image.Image:
    """Decoded, and of the size that is stored. What decoding took is given back: WebP's takes 8 bytes a pixel more."""
    image = _open(data, kind)
    # JPEG can be decoded at half or quarter size at once, which saves most of the time and memory of a large one.
    image.draft(None, cut or fit(image.size, ORIGINAL_PIXELS))
    image.load()
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    is_clear = kind in MAX_PIXELS_OF and image.has_transparency_data
    size = fit(image.size, CLEAR_PIXELS if is_clear else ORIGINAL_PIXELS)
    plain = _opaque(_plain(image)) if size == image.size else _shrunk(image, size)
    return plain if turn is None else plain.transpose(turn)


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Plain, and of that size: a band at a time, so that there is never a second picture as large as the first."""
    (width, height), has_alpha = image.size, image.has_transparency_data
    scale, shrunk = height / size[1], Image.new("RGBA" if has_alpha else _mode(image), size)
    margin = math.ceil(LANCZOS_REACH * scale) + 1
    for top in range(0, size[1], BAND_ROWS):
        rows = min(BAND_ROWS, size[1] - top)
        upper, lower = top * scale, (top + rows) * scale
        start, end = max(0, math.floor(upper) - margin), min(height, math.ceil(lower) + margin)
        band = _plain(image.crop((0, start, width, end)))
        band = band.convert("RGBa") if has_alpha else band  # What can't be seen colours nothing.
        box = (0, upper - start, width, min(lower, height) - start)
        band = band.resize((size[0], rows), Image.Resampling.LANCZOS, box, reducing_gap=1.0)
        shrunk.paste(band.convert(shrunk.mode), (0, top))
    return _opaque(shrunk)


def _process_animation(image: Image.Image, kind: Kind, count: int) -> ProcessedMedia:
    """A GIF through which nothing shines becomes a video; all else moves as before. Its first frame is the preview."""
    _check_frames(image, count, MAX_PIXELS if kind is Kind.GIF else MOVING_PIXELS[kind])
    if kind is Kind.GIF:
        from post_service.imaging.moving import video_of  # FFmpeg is large: a worker without animations has none

        made = video_of(image)
        if made is not None:
            return made
        _check_frames(image, count, MOVING_PIXELS[kind])
    loop = image.info.get("loop", 0) if kind is not Kind.GIF else image.info.get("loop")
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        durations.append(duration_of(frame))
        frames.append(_resized(_opaque(_plain(frame.copy())), ORIGINAL_PIXELS))
    if any(frame.mode == "RGBA" for frame in frames):
        frames = [frame.convert("RGBA") for frame in frames]
    small = _resized(frames[0], SMALL_PIXELS)
    return _processed(*_TYPES[kind], _encoded_frames(frames, kind, durations, loop), frames[0], small)


def duration_of(frame: Image.Image) -> int:
    """How long a frame is shown, in milliseconds."""
    return min(max(int(frame.info.get("duration", 100)), 10), 65_535)


def _check_frames(image: Image.Image, count: int, pixels: int) -> None:
    if count > MAX_FRAMES or count * image.width * image.height > pixels:
        raise TooMuch(f"must have at most {MAX_FRAMES} frames, and {pixels // 1_000_000} million pixels in all of them")


def _processed(
    content_type: str, extension: str, data: bytes, original: Image.Image, small: Image.Image
) -> ProcessedMedia:
    made = preview(small)
    return ProcessedMedia(
        content_type=content_type,
        extension=extension,
        original=data,
        original_size=Dimensions(*original.size),
        small_content_type=made.content_type,
        small_extension=made.extension,
        small=made.data,
        small_size=made.size,
        blurhash=made.blurhash,
    )


def preview(image: Image.Image) -> Preview:
    """The picture in small."""
    small = _resized(image, SMALL_PIXELS)
    kind = Kind.PNG if small.mode == "RGBA" else Kind.JPEG
    return Preview(*_TYPES[kind], _encoded(small, kind), Dimensions(*small.size), _blurhash(small))


def _stored_kind(kind: Kind, image: Image.Image) -> Kind:
    """What many clients can't show is stored as what all can."""
    if kind is Kind.AVIF:
        return Kind.PNG if image.mode == "RGBA" else Kind.JPEG
    return Kind.PNG if kind is Kind.GIF else kind


def _plain(image: Image.Image) -> Image.Image:
    """8-bit sRGB grey, RGB or RGBA, with nothing that the file said beside its pixels."""
    profile = image.info.get("icc_profile")
    has_alpha = image.has_transparency_data
    if image.mode.startswith("I") or image.mode == "F":
        image = image.point(lambda value: value / 256)
    if image.mode in ("RGB", "RGBA", "CMYK") and profile:
        image = _to_srgb(image, profile, "RGBA" if has_alpha else "RGB")
    wanted = "RGBA" if has_alpha else _mode(image)
    plain = image.convert(wanted) if image.mode != wanted else image
    plain.info = {}
    return plain


def _mode(image: Image.Image) -> str:
    """Of a picture through which nothing shines, as it is stored."""
    return "L" if image.mode in ("L", "1", "I", "I;16", "F") else "RGB"


def _opaque(image: Image.Image) -> Image.Image:
    """Without an alpha channel that hides nothing: screenshots often have one, and are smaller without."""
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


def _to_srgb(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    """The colours as the profile means them; a profile that is broken or not of this picture's kind is not followed."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def fit(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """The largest size of the same shape with at most so many pixels, and no side too long."""
    width, height = size
    scale = min(1.0, math.sqrt(pixels / (width * height)), MAX_SIDE / max(width, height))
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def _resized(image: Image.Image, pixels: int) -> Image.Image:
    size = fit(image.size, pixels)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encoded(image: Image.Image, kind: Kind) -> bytes:
    buffer = io.BytesIO()
    options = _LARGE_OPTIONS if image.width * image.height > LARGE_PIXELS else _OPTIONS
    image.save(buffer, kind, **options[kind])
    return buffer.getvalue()


def _encoded_frames(frames: Sequence[Image.Image], kind: Kind, durations: Sequence[int], loop: int | None) -> bytes:
    options: dict[str, object] = {"save_all": True, "append_images": frames[1:], "duration": list(durations)}
    if loop is not None:
        options["loop"] = loop
    if kind is Kind.GIF and frames[0].mode == "RGBA":
        options["disposal"] = 2
    buffer = io.BytesIO()
    pixels = len(frames) * frames[0].width * frames[0].height
    quickly = _LARGE_OPTIONS if pixels > LARGE_PIXELS else _OPTIONS
    frames[0].save(buffer, kind, **{**quickly.get(kind, {}), **options})
    return buffer.getvalue()


def _blurhash(image: Image.Image) -> str:
    tiny = image.convert("RGB").resize((BLURHASH_SIDE, BLURHASH_SIDE), Image.Resampling.BOX)
    raw = tiny.tobytes()
    row = BLURHASH_SIDE * 3
    pixels = [[tuple(raw[at : at + 3]) for at in range(start, start + row, 3)] for start in range(0, len(raw), row)]
    encoded: str = blurhash.encode(pixels, BLURHASH_COMPONENTS, BLURHASH_COMPONENTS)
    return encoded
