"""Which kind of file it is, by its first bytes; what it says of itself is only compared with that."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from post_service.errors import UnsupportedType

ACCEPTED = (
    "JPEG, PNG, GIF, WebP and AVIF pictures, MP4, QuickTime and WebM videos, and MP3, M4A, Ogg, FLAC and WAV audio are "
    "accepted"
)


class Kind(StrEnum):
    """A kind of file that is accepted; a picture's value is Pillow's name of it."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    WEBP = "WEBP"
    AVIF = "AVIF"
    MP4 = "MP4"
    WEBM = "WebM"
    MP3 = "MP3"
    OGG = "Ogg"
    FLAC = "FLAC"
    WAV = "WAV"


PLAYED = frozenset({Kind.MP4, Kind.WEBM, Kind.MP3, Kind.OGG, Kind.FLAC, Kind.WAV})
"""Videos and audio."""


_BY_TYPE = {
    "image/jpeg": Kind.JPEG,
    "image/jpg": Kind.JPEG,
    "image/pjpeg": Kind.JPEG,
    "image/png": Kind.PNG,
    "image/apng": Kind.PNG,
    "image/gif": Kind.GIF,
    "image/webp": Kind.WEBP,
    "image/avif": Kind.AVIF,
    "video/mp4": Kind.MP4,
    "video/quicktime": Kind.MP4,
    "audio/mp4": Kind.MP4,
    "audio/m4a": Kind.MP4,
    "audio/x-m4a": Kind.MP4,
    "video/webm": Kind.WEBM,
    "audio/webm": Kind.WEBM,
    "audio/mpeg": Kind.MP3,
    "audio/mp3": Kind.MP3,
    "audio/ogg": Kind.OGG,
    "audio/opus": Kind.OGG,
    "audio/vorbis": Kind.OGG,
    "application/ogg": Kind.OGG,
    "audio/flac": Kind.FLAC,
    "audio/x-flac": Kind.FLAC,
    "audio/wav": Kind.WAV,
    "audio/wave": Kind.WAV,
    "audio/x-wav": Kind.WAV,
    "audio/vnd.wave": Kind.WAV,
}
_BY_EXTENSION = {
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".jpe": Kind.JPEG,
    ".png": Kind.PNG,
    ".gif": Kind.GIF,
    ".webp": Kind.WEBP,
    ".avif": Kind.AVIF,
    ".mp4": Kind.MP4,
    ".m4v": Kind.MP4,
    ".m4a": Kind.MP4,
    ".mov": Kind.MP4,
    ".webm": Kind.WEBM,
    ".mp3": Kind.MP3,
    ".ogg": Kind.OGG,
    ".oga": Kind.OGG,
    ".opus": Kind.OGG,
    ".flac": Kind.FLAC,
    ".wav": Kind.WAV,
}
# What clients send when they don't know.
_NO_CLAIM = ("", "application/octet-stream", "binary/octet-stream", "application/x-unknown")


_BRANDS = frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"M4A ", b"qt  "})
_MAGIC = (
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"OggS", Kind.OGG),
    (b"fLaC", Kind.FLAC),
    (b"ID3", Kind.MP3),
)
_EBML = b"\x1a\x45\xdf\xa3"
_RIFF = {b"WEBP": Kind.WEBP, b"WAVE": Kind.WAV}
_MPEG_LAYER = 0xE6
_LAYER_3 = 0xE2


def sniff(data: bytes) -> Kind | None:
    """The kind that the content begins like; None for all that is not accepted."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return Kind.AVIF if data[8:12] in (b"avif", b"avis") else Kind.MP4 if data[8:12] in _BRANDS else None
    if data.startswith(_EBML):
        return Kind.WEBM if b"webm" in data[:64] else None
    # An MP3 without tags begins with its first frame.
    is_mp3 = len(data) > 1 and data[0] == 0xFF and data[1] & _MPEG_LAYER == _LAYER_3
    return Kind.MP3 if is_mp3 else None


def check_kind(data: bytes, content_type: str, filename: str) -> Kind:
    """The kind of the content. Raises UnsupportedType if it is not accepted, or not what the upload says it is."""
    kind, claimed = sniff(data), content_type.partition(";")[0].strip().lower()
    if kind is None:
        raise UnsupportedType(f"is no file that can be shown: {ACCEPTED}")
    if claimed in _NO_CLAIM:
        expected = _BY_EXTENSION.get(PurePath(filename).suffix.lower(), kind)
    elif claimed in _BY_TYPE:
        expected = _BY_TYPE[claimed]
    else:
        raise UnsupportedType(f"is said to be of a type that is not supported: {ACCEPTED}")
    if expected is not kind:
        raise UnsupportedType(f"is said to be {expected}, but its content is {kind}")
    return kind
