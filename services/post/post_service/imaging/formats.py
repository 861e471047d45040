"""Which kind of picture a file is, by its first bytes; what it says of itself is only compared with that."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from post_service.errors import UnsupportedType

ACCEPTED = "JPEG, PNG, GIF, WebP and AVIF pictures are accepted"


class Kind(StrEnum):
    """A kind of picture that is accepted; the value is Pillow's name of it."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    WEBP = "WEBP"
    AVIF = "AVIF"


_BY_TYPE = {
    "image/jpeg": Kind.JPEG,
    "image/jpg": Kind.JPEG,
    "image/pjpeg": Kind.JPEG,
    "image/png": Kind.PNG,
    "image/apng": Kind.PNG,
    "image/gif": Kind.GIF,
    "image/webp": Kind.WEBP,
    "image/avif": Kind.AVIF,
}
_BY_EXTENSION = {
    ".jpg": Kind.JPEG,
    ".jpeg": Kind.JPEG,
    ".jpe": Kind.JPEG,
    ".png": Kind.PNG,
    ".gif": Kind.GIF,
    ".webp": Kind.WEBP,
    ".avif": Kind.AVIF,
}
# What clients send when they don't know.
_NO_CLAIM = ("", "application/octet-stream", "binary/octet-stream", "application/x-unknown")


def sniff(data: bytes) -> Kind | None:
    """The kind that the content begins like; None for all that is not accepted."""
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Kind.GIF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return Kind.AVIF
    return None


def check_kind(data: bytes, content_type: str, filename: str) -> Kind:
    """The kind of the content. Raises UnsupportedType if it is not accepted, or not what the upload says it is."""
    kind, claimed = sniff(data), content_type.partition(";")[0].strip().lower()
    if kind is None:
        raise UnsupportedType(f"is not a picture that can be shown: {ACCEPTED}")
    if claimed in _NO_CLAIM:
        expected = _BY_EXTENSION.get(PurePath(filename).suffix.lower(), kind)
    elif claimed in _BY_TYPE:
        expected = _BY_TYPE[claimed]
    else:
        raise UnsupportedType(f"is said to be of a type that is not supported: {ACCEPTED}")
    if expected is not kind:
        raise UnsupportedType(f"is said to be {expected}, but its content is {kind}")
    return kind
