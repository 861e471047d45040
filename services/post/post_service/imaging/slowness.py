"""Which files are processed while their uploader waits: those that take half a second at most, by what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from post_service.imaging.formats import PLAYED, Kind
from post_service.models import MediaType

MIB: Final = 1024 * 1024
QUICK_BYTES: Final[Mapping[Kind, int]] = {
    Kind.JPEG: 8 * MIB,
    Kind.PNG: 2 * MIB,
    Kind.WEBP: MIB,
    Kind.AVIF: 2 * MIB,
}
"""A photograph of so many bytes takes half a second of one core: 40 million pixels as JPEG, 2 to 12 million else."""
_WEBP_EXTENDED: Final = slice(12, 16)
_WEBP_FLAGS: Final = 20
_WEBP_MOVES: Final = 0x02


def is_slow(data: bytes, kind: Kind) -> bool:
    """Whether the file may take longer: what plays or moves, and large pictures."""
    return len(data) > QUICK_BYTES.get(kind, 0) or _moves(data, kind)


def expected_type(data: bytes, kind: Kind) -> MediaType:
    """What the file will be, as far as its beginning tells."""
    if kind in PLAYED:
        has_picture = kind is Kind.WEBM or (kind is Kind.MP4 and data[8:12] != b"M4A ")
        return MediaType.VIDEO if has_picture else MediaType.AUDIO
    return MediaType.GIFV if kind is Kind.GIF else MediaType.IMAGE


def _moves(data: bytes, kind: Kind) -> bool:
    if kind is Kind.PNG:
        return b"acTL" in data[: max(data.find(b"IDAT"), 0)]
    if kind is Kind.WEBP:
        flags = data[_WEBP_FLAGS] if len(data) > _WEBP_FLAGS and data[_WEBP_EXTENDED] == b"VP8X" else 0
        return bool(flags & _WEBP_MOVES)
    return kind is Kind.AVIF and data[8:12] == b"avis"
